"""What the server says a host must lend is what the trainer gets by with: else units go where they must fail."""

from pathlib import Path

import numpy as np
import pytest

from server.rules.sizing import memory_needed
from volunteer.config import LEAST_MEMORY_MB, MIB
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.objectives import canonical_loss, canonical_optimizer
from volunteer.plan.project_plan import ProjectPlan, Role, VariableSpec
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.tensors import save
from volunteer.trainer.job import Computed, Job
from volunteer.trainer.process import TrainerProcess, TrainerSettings
from volunteer.trainer.reins import Reins

INPUTS, BATCH = 1000, 32


def plan_of(units: int) -> ProjectPlan:
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, INPUTS], "dtype": "float32", "name": "x"}},
        {"class_name": "Dense", "config": {"name": "a", "units": units, "activation": "relu"}},
        {"class_name": "Dense", "config": {"name": "b", "units": 1}},
    ]
    model = canonicalise({"class_name": "Sequential", "config": {"name": "m", "layers": layers}})
    shape = describe(model)
    shapes = {"a/kernel": (INPUTS, units), "a/bias": (units,), "b/kernel": (units, 1), "b/bias": (1,)}
    return ProjectPlan(
        architecture=model, loss=canonical_loss("mse"), metrics=[], optimizer=canonical_optimizer("sgd"), seed=1,
        layout=ShardLayout(4 * BATCH, BATCH, 4 * BATCH), inputs=list(shape.inputs), cost=shape.cost,
        variables=[VariableSpec(path, size, Role.trainable) for path, size in shapes.items()],
    )  # fmt: skip


def job_of(plan: ProjectPlan, folder: Path) -> Job:
    size = plan.size_of(Role.trainable)
    rng = np.random.default_rng(0)
    files = {
        "plan": plan.encode(),
        "weights": save({"trainable": np.full(size, 1e-3, np.float32), "moving": np.zeros(0, np.float32)}),
        "shard": save(
            {"x/x": rng.random((4 * BATCH, INPUTS)).astype(np.float32), "y": np.zeros((4 * BATCH, 1), np.float32)}
        ),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return Job(
        "round 1", folder / "plan", plan.sha256, folder / "weights", None, {0: folder / "shard"}, 0, [0, 1, 2, 3],
        folder / "work" / "out",
    )  # fmt: skip


@pytest.mark.parametrize("units", [1, 5000])
def test_the_trainer_computes_units_within_the_memory_that_the_server_asks_for(units: int, tmp_path: Path) -> None:
    plan = plan_of(units)
    needed = memory_needed(plan.cost.parameters, plan.cost.activation_bytes, BATCH)
    if units == 1:
        assert needed < LEAST_MEMORY_MB * MIB, "hosts that lend the least still get small models"
    trainer = TrainerProcess(TrainerSettings(tmp_path / "work", needed, threads=2, readable=(tmp_path,)))
    try:
        for _ in range(2):
            outcome = trainer.compute(job_of(plan, tmp_path), Reins(), lambda _done: None)
            assert isinstance(outcome, Computed), outcome
    finally:
        trainer.close()
