"""An uploaded model's trial before hosts see it: build, load, one training step on real rows."""

import gc
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.learning.diagnosis import FAILURES, refusal_of
from server.learning.optimizer import Stepper
from server.learning.weights_file import load_weights
from server.rules.learning_values import Inspection, InspectRequest
from volunteer.plan.project_plan import ProjectPlan, Role, Weights, split
from volunteer.plan.refused import Refused
from volunteer.plan.shapes import Cost
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.tensors import save
from volunteer.training.build import build_model
from volunteer.training.gradients import Engine, MiniBatch, UnitSums
from volunteer.training.objective import metric_objects, prime_metrics, read_states
from volunteer.training.runtime import keras, tf
from volunteer.training.variables import (
    Bound,
    Vector,
    bind,
    describe_variables,
    read_frozen,
    read_weights,
    seed_states,
)


def inspect(request: InspectRequest) -> Inspection:
    """Writes weights.safetensors and frozen.safetensors into `request.out`. Raises Refused."""
    out = Path(request.out)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(request.seed % 2**32)
    try:
        return _inspect(request, out)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise Refused("The model with one mini-batch needs more memory than this server allows.") from None
    finally:
        gc.collect()


def _inspect(request: InspectRequest, out: Path) -> Inspection:
    model = build_model(request.architecture)
    sources: list[str] = []
    if request.weights_file is not None:
        sources = load_weights(model, Path(request.weights_file), request.kind, out)
    variables = describe_variables(model)
    bound = bind(model, variables)
    if not bound.trainable:
        raise Refused("The model has no weights to train; set trainable=True on some layers and save it again.")
    weights, frozen = read_weights(bound), read_frozen(bound)
    files = {"weights": out / "weights.safetensors", "frozen": out / "frozen.safetensors"}
    files["weights"].write_bytes(save({"trainable": weights.trainable, "moving": weights.moving}))
    files["frozen"].write_bytes(save({"frozen": frozen}))
    facts: dict[str, Any] = {"variables": list(variables), "sources": sources}
    facts |= {name: str(path) for name, path in files.items()}
    metrics = metric_objects(request.metrics)
    prime_metrics(metrics, model)
    facts["sums"] = 1 + len(read_states(metrics))
    mini_batch = _first_rows(request)
    if mini_batch is None:
        return Inspection(**facts)
    sums, means = _trial(request, bound, weights, frozen, mini_batch)
    return Inspection(**facts, loss=float(sums.sums[0]) / sums.examples, metrics=means, seconds=sums.seconds)


def _first_rows(request: InspectRequest) -> MiniBatch | None:
    if request.y is None:
        return None

    def rows(path: str) -> NDArray[Any]:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False)[: request.batch_size])

    x = {spec.name: rows(request.x[spec.name]) for spec in request.inputs}
    return MiniBatch(0, x, rows(request.y))


def _trial(
    request: InspectRequest, bound: Bound, weights: Weights, frozen: Vector, mini_batch: MiniBatch
) -> tuple[UnitSums, dict[str, float]]:
    """One step through the very code that hosts and learner run."""
    plan = ProjectPlan(
        architecture=request.architecture,
        loss=request.loss,
        metrics=request.metrics,
        optimizer=request.optimizer,
        seed=request.seed,
        layout=ShardLayout(mini_batch.examples, mini_batch.examples, mini_batch.examples),
        inputs=request.inputs,
        variables=list(bound.specs),
        cost=Cost(0, 0, 0),
        class_weights=request.class_weights or msgspec.UNSET,
    )
    still = _still(bound)
    before = [variable.numpy() for variable in still]
    try:
        engine = Engine(plan, model=bound.model)
        # Twice: the second time nothing is started for the first time, so its seconds are the model's own.
        for _ in range(2):
            engine.begin(weights, frozen, 0)
            engine.add([mini_batch])
        sums = engine.sums()
    except (Refused, tf.errors.ResourceExhaustedError):
        raise
    except FAILURES as error:
        raise refusal_of(error, request, bound.model, mini_batch) from error
    _refuse_other_changes(still, before)
    _refuse_what_is_not_finite(sums)
    gradient = (sums.gradient / np.float32(sums.examples)).astype(np.float32)
    Stepper(request.optimizer, bound.trainable).step(split(gradient, bound.of_role(Role.trainable)))
    return sums, engine.metrics_of(sums.sums)


def _still(bound: Bound) -> list[Any]:
    """What a training step must leave alone: all but trained weights, moving statistics and seeds."""
    may_change = {id(variable) for variable in (*bound.trainable, *bound.moving, *seed_states(bound.model))}
    return [variable for variable in bound.model.variables if id(variable) not in may_change]


def _refuse_other_changes(variables: list[Any], before: list[NDArray[Any]]) -> None:
    for variable, old in zip(variables, before, strict=True):
        if not np.array_equal(variable.numpy(), old):
            raise Refused(
                f"Training changes {variable.path}, which is neither trained nor a moving statistic of "
                "BatchNormalization; a layer with such a state cannot be trained on several machines."
            )


def _refuse_what_is_not_finite(sums: UnitSums) -> None:
    if not np.isfinite(sums.sums[0]):
        raise Refused("The loss of a first training step is not a finite number; are the data scaled?", "data")
    if not np.isfinite(sums.gradient).all():
        raise Refused("The gradient of a first training step is not finite; are the data scaled?", "data")
