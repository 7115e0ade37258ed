"""Plans, mini-batches and a plain reference for the engine's tests."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from volunteer.plan.architecture import canonicalise
from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.shapes import Cost, InputSpec
from volunteer.plan.shards import ShardLayout
from volunteer.training.build import input_names
from volunteer.training.gradients import MiniBatch
from volunteer.training.runtime import keras
from volunteer.training.variables import describe_variables


def _described(thing: Any) -> Any:
    return keras.saving.serialize_keras_object(thing)


@pytest.fixture
def make_plan() -> Callable[..., ProjectPlan]:
    """A plan for a model, a loss and metrics as Keras itself serialises them."""

    def make(model: Any, loss: Any, metrics: Any = (), layout: Any = None, checked: bool = True) -> ProjectPlan:
        inputs = [
            InputSpec(name, tuple(tensor.shape[1:]), tensor.dtype)
            for name, tensor in zip(input_names(model), model.inputs, strict=True)
        ]
        return ProjectPlan(
            architecture=canonicalise(_described(model)) if checked else _described(model),
            loss=_described(loss),
            metrics=[_described(metric) for metric in metrics],
            optimizer=_described(keras.optimizers.SGD(1.0)),
            seed=7,
            layout=layout or ShardLayout(100, 8, 24),
            inputs=inputs,
            variables=list(describe_variables(model)),
            cost=Cost(1, 1, 1),
        )

    return make


@pytest.fixture
def make_mini_batches() -> Callable[..., list[MiniBatch]]:
    """Mini-batches of random floats (or of `draw`), the last of `last` examples."""

    def make(shapes: dict[str, Any], label: Any, count: int = 5, size: int = 8, last: int = 3, draw: Any = None) -> Any:
        rng = np.random.default_rng(11)
        draw = draw or (lambda rng, shape: rng.standard_normal(shape).astype(np.float32))
        sizes = [size] * (count - 1) + [last]
        return [
            MiniBatch(number, {name: draw(rng, (n, *shape)) for name, shape in shapes.items()}, label(rng, n))
            for number, n in enumerate(sizes)
        ]

    return make
