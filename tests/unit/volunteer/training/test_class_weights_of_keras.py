"""Class weights against Keras's own `fit(class_weight=...)`: loss, gradient and unweighted metrics."""

from typing import Any

import msgspec
import numpy as np
import pytest

from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.refused import Refused
from volunteer.training.gradients import Engine, MiniBatch, UnitSums
from volunteer.training.runtime import keras
from volunteer.training.variables import bind, read_frozen, read_weights

L = keras.layers
WEIGHTS = [0.5, 3.0, 0.0, 1.25]


def _case(kind: str, rng: Any) -> tuple[Any, Any, Any]:
    """(model's last layer, loss, labels of 20 examples)"""
    numbers = rng.integers(0, 4, 20)
    if kind == "one_hot":
        return (
            L.Dense(4),
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
            np.eye(4)[numbers],
        )
    if kind == "binary":
        return L.Dense(1, "sigmoid"), keras.losses.BinaryCrossentropy(), (numbers % 2).reshape(20, 1).astype(np.float32)
    labels = (
        numbers.reshape(20, 1) if kind == "column" else numbers.astype(np.float32 if kind == "floats" else np.uint8)
    )
    return L.Dense(4, "softmax"), keras.losses.SparseCategoricalCrossentropy(), labels


def _sums(plan: ProjectPlan, model: Any, mini_batches: list[MiniBatch]) -> UnitSums:
    bound = bind(model, plan.variables)
    engine = Engine(plan)
    engine.begin(read_weights(bound), read_frozen(bound), 0)
    engine.add(mini_batches)
    return engine.sums()


@pytest.mark.parametrize("kind", ["integers", "floats", "column", "one_hot", "binary"])
def test_a_step_with_class_weights_is_the_step_that_keras_takes(kind: str, make_plan: Any) -> None:
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    last, loss, y = _case(kind, rng)
    model = keras.Sequential([keras.Input((6,)), L.Dense(8, "relu", kernel_regularizer="l2"), last])
    metric = keras.metrics.MeanSquaredError(name="mse")
    weights = WEIGHTS[:2] if kind == "binary" else WEIGHTS
    plan = msgspec.structs.replace(
        make_plan(model, loss, [metric] * (kind in ("one_hot", "binary"))), class_weights=weights
    )
    x = rng.standard_normal((20, 6)).astype(np.float32)
    found = _sums(plan, model, [MiniBatch(0, {plan.inputs[0].name: x}, y)])
    before = np.concatenate([v.numpy().ravel() for v in model.trainable_variables])
    model.compile(keras.optimizers.SGD(1.0), loss, metrics=[metric] if plan.metrics else [])
    history = model.fit(x, y, batch_size=20, epochs=1, class_weight=dict(enumerate(weights)), verbose=0).history
    after = np.concatenate([v.numpy().ravel() for v in model.trainable_variables])
    np.testing.assert_allclose(found.gradient / 20, before - after, rtol=1e-5, atol=1e-6)
    assert found.sums[0] / 20 == pytest.approx(history["loss"][0], rel=1e-6)
    if plan.metrics:
        assert found.sums[1] / found.sums[2] == pytest.approx(history["mse"][0], rel=1e-5)


def test_cutting_a_unit_into_calls_changes_no_bit_with_weights_either(make_plan: Any) -> None:
    rng = np.random.default_rng(1)
    last, loss, y = _case("integers", rng)
    model = keras.Sequential([keras.Input((6,)), last])
    plan = msgspec.structs.replace(make_plan(model, loss), class_weights=WEIGHTS)
    x = rng.standard_normal((20, 6)).astype(np.float32)
    pieces = [MiniBatch(n, {plan.inputs[0].name: x[n * 5 : n * 5 + 5]}, y[n * 5 : n * 5 + 5]) for n in range(4)]
    bound = bind(model, plan.variables)
    engine = Engine(plan)
    engine.begin(read_weights(bound), read_frozen(bound), 0)
    for piece in pieces:
        engine.add([piece])
    np.testing.assert_array_equal(engine.sums().gradient, _sums(plan, model, pieces).gradient)


def test_weights_of_one_are_no_weights(make_plan: Any) -> None:
    rng = np.random.default_rng(2)
    last, loss, y = _case("integers", rng)
    model = keras.Sequential([keras.Input((6,)), last])
    plan = make_plan(model, loss)
    batch = [MiniBatch(0, {plan.inputs[0].name: rng.standard_normal((20, 6)).astype(np.float32)}, y)]
    weighted = _sums(msgspec.structs.replace(plan, class_weights=[1.0] * 4), model, batch)
    np.testing.assert_allclose(weighted.gradient, _sums(plan, model, batch).gradient, rtol=1e-6, atol=1e-7)


def test_a_plan_without_class_weights_is_the_bytes_that_it_was_before_there_were_any(make_plan: Any) -> None:
    last, loss, _ = _case("integers", np.random.default_rng(0))
    plan = make_plan(keras.Sequential([keras.Input((6,)), last]), loss)
    assert b"class_weights" not in plan.encode()
    weighted = msgspec.structs.replace(plan, class_weights=WEIGHTS)
    assert ProjectPlan.decode(weighted.encode()) == weighted
    assert weighted.sha256 != plan.sha256


@pytest.mark.parametrize("weights", [[-1.0], [1e9], ["a"], "balanced"])
def test_weights_that_cannot_be_are_refused_by_every_machine(weights: Any, make_plan: Any) -> None:
    last, loss, _ = _case("integers", np.random.default_rng(0))
    plan = make_plan(keras.Sequential([keras.Input((6,)), last]), loss)
    data = msgspec.json.encode({**msgspec.to_builtins(plan), "class_weights": weights})
    with pytest.raises(Refused, match="class_weights"):
        ProjectPlan.decode(data)
