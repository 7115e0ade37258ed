"""Engine and learner, without a grid between them, against an independent replay of the same rounds."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.learning.stepping import step
from server.learning.workbench import Workbench
from server.rules.learning_values import GradientFile, StepRequest
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.order import epoch_order, mini_batch_rows
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.tensors import load, save
from volunteer.training.build import build_model
from volunteer.training.gradients import Engine
from volunteer.training.runtime import keras
from volunteer.training.unit_data import read_mini_batches
from volunteer.training.variables import (
    assign_frozen,
    assign_weights,
    bind,
    describe_variables,
    read_frozen,
    read_weights,
)

L = keras.layers
LAYOUT = ShardLayout(examples=84, batch_size=8, shard_examples=32)
K = 4


def _load_replay() -> Any:
    path = Path(__file__).with_name("independent_replay.py")
    spec = importlib.util.spec_from_file_location("independent_replay", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _network() -> Any:
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            # No bias: before BatchNormalization its true gradient is zero, and Adam turns rounding into
            # steps.
            L.Conv2D(6, 3, use_bias=False, kernel_regularizer=keras.regularizers.L2(1e-3)),
            L.BatchNormalization(momentum=0.9),
            L.Activation("relu"),
            L.Flatten(),
            L.Dense(10, "softmax"),
        ]
    )


def _shards(folder: Path, name: str, x: Any, y: Any) -> dict[int, Path]:
    paths = {}
    for shard in range(LAYOUT.shards):
        rows = slice(shard * LAYOUT.shard_examples, shard * LAYOUT.shard_examples + LAYOUT.rows(shard))
        paths[shard] = folder / f"shard-{shard}"
        paths[shard].write_bytes(save({f"x/{name}": x[rows], "y": y[rows]}))
    return paths


@pytest.fixture
def project(tmp_path: Path) -> Any:
    model = _network()
    described = keras.saving.serialize_keras_object
    architecture = canonicalise(described(model))
    shape = describe(architecture)
    plan = ProjectPlan(
        architecture=architecture,
        loss=described(keras.losses.SparseCategoricalCrossentropy()),
        metrics=[],
        optimizer=described(keras.optimizers.Adam(0.01)),
        seed=99,
        layout=LAYOUT,
        inputs=list(shape.inputs),
        variables=list(describe_variables(model)),
        cost=shape.cost,
    )
    rng = np.random.default_rng(8)
    x, y = rng.integers(0, 17, (84, 8, 8, 1)).astype(np.uint8), rng.integers(0, 10, 84)
    bound = bind(model, plan.variables)
    weights = read_weights(bound)
    (tmp_path / "plan").write_bytes(plan.encode())
    (tmp_path / "frozen").write_bytes(save({"frozen": read_frozen(bound)}))
    (tmp_path / "start").write_bytes(save({"trainable": weights.trainable, "moving": weights.moving}))
    return plan, x, y, _shards(tmp_path, plan.inputs[0].name, x, y)


def _rounds(plan: ProjectPlan, replay: Any) -> list[Any]:
    """Two epochs of rounds of K mini-batches in two units each.

    The last round of an epoch takes what remains.
    """
    rounds = []
    for epoch in range(2):
        order = epoch_order(plan.seed, epoch, LAYOUT.mini_batches).tolist()
        for start in range(0, len(order), K):
            used = order[start : start + K]
            rounds.append(replay.Round(epoch, [unit for unit in (used[:1], used[1:]) if unit]))
    return rounds


def test_two_epochs_of_rounds_are_those_of_a_plain_loop(project: Any, tmp_path: Path) -> None:
    replay = _load_replay()
    plan, x, y, shards = project
    engine, workbench = Engine(plan), Workbench()
    at, optimizer = str(tmp_path / "start"), None
    for number, used in enumerate(_rounds(plan, replay)):
        tensors, _ = load(Path(at))
        files = []
        for position, unit in enumerate(used.units):
            engine.begin(Weights(tensors["trainable"], tensors["moving"]), np.zeros(0, np.float32), used.epoch)
            engine.add(list(read_mini_batches(plan, used.epoch, unit, shards)))
            sums = engine.sums()
            path = tmp_path / f"gradient-{number}-{position}"
            path.write_bytes(save({"gradient": sums.gradient, "moving": sums.moving, "sums": sums.sums}))
            files.append(GradientFile(str(path), sums.examples))
        report = step(
            workbench,
            StepRequest(
                plan=str(tmp_path / "plan"),
                frozen=str(tmp_path / "frozen"),
                weights=at,
                optimizer=optimizer,
                gradients=files,
                mini_batches=sum(len(unit) for unit in used.units),
                out=str(tmp_path / f"round-{number}"),
            ),
        )
        assert report.weights is not None
        at, optimizer = report.weights, report.optimizer

    def rows_of(epoch: int, mini_batch: int) -> Any:
        rows = mini_batch_rows(plan.seed, epoch, LAYOUT, mini_batch)
        return rows + LAYOUT.locate(mini_batch).shard * LAYOUT.shard_examples

    model = _network()
    expected = replay.replay(
        model,
        keras.losses.SparseCategoricalCrossentropy(),
        keras.optimizers.Adam(0.01),
        x.astype(np.float32),
        y,
        _rounds(plan, replay),
        rows_of,
    )
    found = build_model(plan.architecture)
    tensors, _ = load(Path(at))
    bound = bind(found, plan.variables)
    assign_weights(bound, Weights(tensors["trainable"], tensors["moving"]))
    assign_frozen(bound, np.zeros(0, np.float32))
    assert replay.relative_error(found.get_weights(), expected) < 1e-5
    start = [np.float64(weight) for weight in _network().get_weights()]
    assert replay.relative_error(start, expected) > 0.01
