"""Small networks at three stages of training, and what units of them are: the stage on which machines are compared."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.digits import digits
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.tensors import load, save
from volunteer.training.runtime import keras
from volunteer.training.variables import bind, describe_variables, read_frozen, read_weights

EXAMPLES = 512
STAGES = {"fresh": 0, "trained": 15, "converged": 100, "vanishing": 100}
"""Epochs of Adam on few examples. The last is what many more would bring: it is surer of all it says by SURER."""

SURER = 4.0

L = keras.layers


def _mlp() -> list[Any]:
    return [L.Flatten(), L.Dense(128, "relu"), L.Dense(64, "relu"), L.Dense(10, "softmax")]


def _cnn() -> list[Any]:
    layers: list[Any] = []
    for filters in (16, 32):
        layers += [L.Conv2D(filters, 3, padding="same", activation="relu"), L.MaxPooling2D()]
    return [*layers, L.Flatten(), L.Dense(32, "relu"), L.Dense(10, "softmax")]


def _batch_norm() -> list[Any]:
    """With biases in front of BatchNormalization: their gradient is nought but for rounding."""
    layers: list[Any] = []
    for filters in (16, 32):
        layers += [L.Conv2D(filters, 3, padding="same"), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D()]
    return [*layers, L.Flatten(), L.Dropout(0.3), L.Dense(10, "softmax")]


def _grey_levels() -> list[Any]:
    """Inputs from 0 to 255 as many people give them, so BatchNormalization's statistics are in the thousands."""
    return [L.Rescaling(255.0), L.Conv2D(8, 3), L.BatchNormalization(momentum=0.999), *_cnn()[2:]]


def _wide() -> list[Any]:
    """Small layers whose gradient is nought but for rounding, beside large ones: their share of the whole is small."""
    layers: list[Any] = [L.UpSampling2D()]
    for filters in (8, 16):
        layers += [L.Conv2D(filters, 3, padding="same"), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D()]
    return [*layers, L.Flatten(), L.Dense(640, "relu"), L.Dense(256, "relu"), L.Dense(10, "softmax")]


def _recurrent() -> list[Any]:
    return [L.Reshape((8, 8)), L.LSTM(32), L.LayerNormalization(), L.Dropout(0.2), L.Dense(10, "softmax")]


def _dead() -> list[Any]:
    """A narrow layer that bad initial weights have killed in part, and many small ones after it."""
    dead = L.Dense(24, "relu", bias_initializer=keras.initializers.Constant(-1.0))
    return [L.Flatten(), dead, *(L.Dense(12, "tanh") for _ in range(4)), L.Dense(10, "softmax")]


NETWORKS: dict[str, Callable[[], list[Any]]] = {
    "MLP": _mlp,
    "CNN": _cnn,
    "CNN, BatchNorm, dropout": _batch_norm,
    "grey levels, BatchNorm": _grey_levels,
    "wide, BatchNorm": _wide,
    "LSTM, LayerNorm, dropout": _recurrent,
    "deep, half dead": _dead,
}


@dataclass(frozen=True)
class Case:
    """One network at one stage, as files that any process can read; data is the same for all."""

    name: str
    stage: str
    plan: ProjectPlan
    weights: Weights
    stale: Weights
    frozen: np.ndarray


def prepare_cases(folder: Path, batch: int) -> None:
    """Train the networks and write their cases into `folder`. `stale`: another step away."""
    folder.mkdir(parents=True, exist_ok=True)
    (x, y), _ = digits()
    # The second half is what nobody was asked to compute: a unit of a whole epoch has no other data in the first.
    np.savez(folder / "data.npz", x=x[: 2 * EXAMPLES], y=y[: 2 * EXAMPLES])
    x, y = x[:EXAMPLES], y[:EXAMPLES]
    index = []
    for network, make in NETWORKS.items():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((8, 8, 1)), *make()])
        loss = keras.losses.SparseCategoricalCrossentropy()
        model.compile(keras.optimizers.Adam(0.003), loss)
        plan = _plan(model, batch)
        done = 0
        for stage, epochs in STAGES.items():
            if epochs > done:
                model.fit(x, y, batch_size=64, epochs=epochs - done, verbose=0)
                done = epochs
            if stage == "vanishing":
                model.layers[-1].set_weights([SURER * values for values in model.layers[-1].get_weights()])
            weights = _read(model, plan)
            # One small step on: a host that computed at these weights is a round off.
            model.optimizer.learning_rate = 0.001
            model.fit(x[:256], y[:256], batch_size=256, epochs=1, verbose=0)
            model.optimizer.learning_rate = 0.003
            frozen = read_frozen(bind(model, plan.variables))
            _write(folder / str(len(index)), plan, weights, _read(model, plan), frozen)
            index.append([network, stage])
    (folder / "index.json").write_text(json.dumps(index))


def read_cases(folder: Path) -> Iterator[Case]:
    for number, (name, stage) in enumerate(json.loads((folder / "index.json").read_text())):
        here = folder / str(number)
        tensors, _ = load((here / "weights").read_bytes())
        yield Case(
            name,
            stage,
            ProjectPlan.decode((here / "plan").read_bytes()),
            Weights(tensors["trainable"], tensors["moving"]),
            Weights(tensors["stale_trainable"], tensors["stale_moving"]),
            tensors["frozen"],
        )


def _plan(model: Any, batch: int) -> ProjectPlan:
    described = keras.saving.serialize_keras_object
    architecture = canonicalise(described(model))
    shape = describe(architecture)
    return ProjectPlan(
        architecture=architecture,
        loss=described(keras.losses.SparseCategoricalCrossentropy()),
        metrics=[described(keras.metrics.SparseCategoricalAccuracy(name="accuracy"))],
        optimizer=described(keras.optimizers.SGD(0.01)),
        seed=1,
        layout=ShardLayout(EXAMPLES, batch, EXAMPLES),
        inputs=list(shape.inputs),
        variables=list(describe_variables(model)),
        cost=shape.cost,
    )


def _read(model: Any, plan: ProjectPlan) -> Weights:
    weights = read_weights(bind(model, plan.variables))
    return Weights(weights.trainable.copy(), weights.moving.copy())


def _write(folder: Path, plan: ProjectPlan, weights: Weights, stale: Weights, frozen: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "plan").write_bytes(plan.encode())
    tensors = {"trainable": weights.trainable, "moving": weights.moving, "frozen": frozen}
    tensors |= {"stale_trainable": stale.trainable, "stale_moving": stale.moving}
    (folder / "weights").write_bytes(save(tensors))


if __name__ == "__main__":
    prepare_cases(Path(sys.argv[1]), int(sys.argv[2]))
