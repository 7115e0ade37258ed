"""The engine: from a round's weights and a unit's mini-batches to the sums that one result carries."""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.plan.seeds import layer_seed
from volunteer.training.build import build_model
from volunteer.training.loops import Parts, make_gradient_loop, stacked_specs
from volunteer.training.objective import (
    compile_loss,
    metric_objects,
    prime_metrics,
    read_states,
    results_of,
    weights_of_classes,
)
from volunteer.training.runtime import keras, prepare, tf
from volunteer.training.variables import assign_frozen, assign_weights, bind, seed_states

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class MiniBatch:
    """The examples behind one gradient, in their source dtypes. x: by input name (n, ...); y: (n, ...)."""

    number: int
    x: dict[str, NDArray[Any]]
    y: NDArray[Any]

    @property
    def examples(self) -> int:
        return len(self.y)

    @property
    def signature(self) -> tuple[Any, ...]:
        """Mini-batches with equal signatures can be stacked and share a trace."""
        return (
            *((name, a.shape, a.dtype.str) for name, a in sorted(self.x.items())),
            self.y.shape,
            self.y.dtype.str,
        )


@dataclass(frozen=True)
class UnitSums:
    """What a result carries (DESIGN, "Mathematics").

    gradient: (P,) float32, sum of n_i g_i; moving: (M,) float32, sum of n_i (s_i - s); sums: (1 + S,)
    float64, the sum of n_i loss_i and then the metrics' state variables; seconds: spent computing, tracing
    left out.
    """

    gradient: Vector
    moving: Vector
    sums: NDArray[np.float64]
    mini_batches: int
    examples: int
    seconds: float


class Engine:
    """Computes units of one project. Not for several threads at once.

    `begin` once per unit, `add` as often as wanted, `sums` at any time: the sums depend on the order of the
    mini-batches, and not on how they were spread over calls of `add`.
    """

    def __init__(self, plan: ProjectPlan, threads: int | None = None, model: keras.Model | None = None) -> None:
        """Build the plan's model, or take one built from it. Raises Refused where that fails."""
        prepare(threads)
        self.plan = plan
        model = build_model(plan.architecture) if model is None else model
        compile_loss(model, plan.loss)
        self._parts = Parts(
            bind(model, plan.variables),
            seed_states(model),
            metric_objects(plan.metrics),
            weights_of_classes(plan.class_weights or ()),
        )
        prime_metrics(self._parts.metrics, model)
        self._loops: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self._frozen: Vector | None = None
        self._epoch = 0

    def begin(self, weights: Weights, frozen: Vector, epoch: int) -> None:
        """Start a unit from a round's weights. `epoch` numbers the seeds."""
        bound = self._parts.bound
        if self._frozen is None or not np.array_equal(self._frozen, frozen):
            assign_frozen(bound, frozen)
            self._frozen = np.array(frozen)
            # A trace may have baked the old values in.
            self._loops.clear()
        assign_weights(bound, weights)
        self._epoch = epoch
        self._state = [tf.identity(variable.value) for variable in bound.moving]
        self._totals = (
            [tf.zeros(variable.shape) for variable in bound.trainable],
            [tf.zeros(variable.shape) for variable in bound.moving],
            tf.zeros([], tf.float64),
        )
        for metric in self._parts.metrics:
            metric.reset_state()
        self._mini_batches = self._examples = 0
        self._seconds = 0.0

    def add(self, batch: Sequence[MiniBatch]) -> None:
        """Add these mini-batches, in this order."""
        for signature, group in itertools.groupby(batch, lambda mini_batch: mini_batch.signature):
            alike = list(group)
            # Tracing happens once a project and is no measure of the machine's speed.
            loop = self._loop_for(signature, alike[0])
            started = time.perf_counter()
            self._add_alike(loop, alike)
            self._seconds += time.perf_counter() - started

    def sums(self) -> UnitSums:
        """The sums over all mini-batches added since `begin`."""
        started = time.perf_counter()
        gradients, moved, loss = self._totals
        gradient, moving = _flat(gradients), _flat(moved)
        states = read_states(self._parts.metrics)
        seconds = self._seconds + time.perf_counter() - started
        sums = np.concatenate([[float(loss.numpy())], states])
        return UnitSums(gradient, moving, sums, self._mini_batches, self._examples, seconds)

    def metrics_of(self, sums: NDArray[np.float64]) -> dict[str, float]:
        """What the metrics say of the `sums` of one or several units. Ends the unit that was begun."""
        return results_of(self._parts.metrics, sums[1:])

    def _loop_for(self, signature: tuple[Any, ...], first: MiniBatch) -> Callable[..., Any]:
        if signature not in self._loops:
            self._loops[signature] = make_gradient_loop(self._parts, *stacked_specs(first.x, first.y))
        return self._loops[signature]

    def _add_alike(self, loop: Callable[..., Any], group: list[MiniBatch]) -> None:
        x = {name: np.stack([mini_batch.x[name] for mini_batch in group]) for name in group[0].x}
        y = np.stack([mini_batch.y for mini_batch in group])
        seeds = self._seeds(mini_batch.number for mini_batch in group)
        self._totals = loop(x, y, seeds, self._state, self._totals)
        # Waiting for one number here makes the measured seconds true on every device.
        self._totals[2].numpy()
        self._mini_batches += len(group)
        self._examples += sum(mini_batch.examples for mini_batch in group)

    def _seeds(self, numbers: Iterable[int]) -> NDArray[np.int64]:
        count = len(self._parts.seeds)
        values = [
            [layer_seed(self.plan.seed, self._epoch, number, layer) for layer in range(count)] for number in numbers
        ]
        return np.asarray(values, np.int64).reshape(len(values), count, 2)


def _flat(tensors: list[Any]) -> Vector:
    if not tensors:
        return np.zeros(0, np.float32)
    return np.asarray(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0).numpy(), np.float32)
