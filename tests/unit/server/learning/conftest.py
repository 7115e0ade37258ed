"""A small project on disk, as the learner finds it: plan, weights, frozen weights, shards, gradients."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.learning.workbench import Workbench
from server.rules.learning_values import GradientFile, StepRequest
from volunteer.plan.architecture import canonicalise
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.plan.shapes import Cost, InputSpec
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.tensors import save
from volunteer.training.build import input_names
from volunteer.training.gradients import Engine, MiniBatch
from volunteer.training.runtime import keras
from volunteer.training.variables import bind, describe_variables, read_frozen, read_weights


def described(thing: Any) -> Any:
    return keras.saving.serialize_keras_object(thing)


@dataclass
class Project:
    folder: Path
    plan: ProjectPlan
    weights: Weights
    frozen: Any
    mini_batches: list[MiniBatch]

    def request(self, name: str = "next", **changes: Any) -> StepRequest:
        values: dict[str, Any] = {
            "plan": str(self.folder / "plan"),
            "frozen": str(self.folder / "frozen"),
            "weights": str(self.folder / "weights"),
            "optimizer": None,
            "gradients": self.gradients,
            "mini_batches": len(self.mini_batches),
            "out": str(self.folder / name),
        }
        return StepRequest(**(values | changes))

    def compute(self, weights: Weights, name: str) -> list[GradientFile]:
        """Two results, as two hosts would send them."""
        engine, files = Engine(self.plan), []
        for number, part in enumerate((self.mini_batches[:2], self.mini_batches[2:])):
            engine.begin(weights, self.frozen, 0)
            engine.add(part)
            sums = engine.sums()
            path = self.folder / f"{name}-{number}"
            path.write_bytes(save({"gradient": sums.gradient, "moving": sums.moving, "sums": sums.sums}))
            files.append(GradientFile(str(path), sums.examples))
        return files

    @property
    def gradients(self) -> list[GradientFile]:
        if not (self.folder / "gradient-0").exists():
            self._files = self.compute(self.weights, "gradient")
        return self._files


@pytest.fixture
def make_project(tmp_path: Path) -> Any:
    """A network with BatchNormalization, a constraint, a frozen layer; 4 mini-batches, one small."""

    def make(optimizer: Any = None, model: Any = None) -> Project:
        keras.utils.set_random_seed(1)
        layers = keras.layers
        model = model or keras.Sequential(
            [
                keras.Input((6,)),
                layers.Dense(8, "relu", kernel_constraint=keras.constraints.MaxNorm(0.5)),
                layers.BatchNormalization(momentum=0.9),
                layers.Dense(8, "relu", trainable=False),
                layers.Dense(3, "softmax"),
            ]
        )
        plan = ProjectPlan(
            architecture=canonicalise(described(model)),
            loss=described(keras.losses.SparseCategoricalCrossentropy()),
            metrics=[described(keras.metrics.SparseCategoricalAccuracy(name="accuracy"))],
            optimizer=described(optimizer or keras.optimizers.Adam(0.01)),
            seed=7,
            layout=ShardLayout(27, 8, 16),
            inputs=[InputSpec(input_names(model)[0], (6,), "float32")],
            variables=list(describe_variables(model)),
            cost=Cost(1, 1, 1),
        )
        bound = bind(model, plan.variables)
        weights, frozen = read_weights(bound), read_frozen(bound)
        (tmp_path / "plan").write_bytes(plan.encode())
        (tmp_path / "weights").write_bytes(save({"trainable": weights.trainable, "moving": weights.moving}))
        (tmp_path / "frozen").write_bytes(save({"frozen": frozen}))
        rng = np.random.default_rng(0)
        mini_batches = [
            MiniBatch(
                i,
                {plan.inputs[0].name: rng.standard_normal((n, 6)).astype(np.float32)},
                rng.integers(0, 3, n),
            )
            for i, n in enumerate((8, 8, 8, 3))
        ]
        return Project(tmp_path, plan, weights, frozen, mini_batches)

    return make


@pytest.fixture
def project(make_project: Any) -> Project:
    return make_project()


@pytest.fixture
def workbench() -> Workbench:
    return Workbench()
