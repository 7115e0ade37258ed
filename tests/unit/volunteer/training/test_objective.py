"""Every loss, metric and optimizer that the form offers can be computed, with labels of every dtype."""

from typing import Any

import msgspec
import numpy as np
import pytest

from server.learning.optimizer import Stepper
from volunteer.plan.objectives import (
    LOSSES,
    METRICS,
    OPTIMIZERS,
    canonical_loss,
    canonical_metrics,
    canonical_optimizer,
    label_rules,
)
from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.refused import Refused
from volunteer.training.gradients import Engine, MiniBatch, UnitSums
from volunteer.training.objective import loss_object, metric_objects, prime_metrics, read_states, results_of
from volunteer.training.runtime import keras
from volunteer.training.variables import bind, read_frozen, read_weights

L = keras.layers
DTYPES = ["bool", "uint8", "int16", "uint32", "int64", "uint64", "float16", "float64"]


def _network(make_plan: Any, loss: Any, metrics: Any, units: int = 4) -> tuple[ProjectPlan, Any]:
    model = keras.Sequential([keras.Input((6,)), L.Dense(units, "sigmoid" if units == 1 else "softmax")])
    plan = make_plan(model, keras.losses.MeanSquaredError())
    return msgspec.structs.replace(plan, loss=loss, metrics=metrics), model


def _labels(kind: str, units: int, rng: Any) -> Any:
    if kind == "integer":
        return rng.integers(0, units, 8)
    if kind == "one_hot":
        return np.eye(units, dtype=np.float32)[rng.integers(0, units, 8)]
    return rng.integers(0, 2, (8, units)).astype(np.float32)


def _compute(plan: ProjectPlan, model: Any, x: Any, y: Any) -> tuple[UnitSums, dict[str, float]]:
    bound = bind(model, plan.variables)
    engine = Engine(plan)
    engine.begin(read_weights(bound), read_frozen(bound), 0)
    engine.add([MiniBatch(0, {plan.inputs[0].name: x}, y)])
    sums = engine.sums()
    return sums, engine.metrics_of(sums.sums)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_of_the_form_gives_a_gradient_with_the_labels_that_its_rule_asks_for(
    name: str, make_plan: Any
) -> None:
    loss = canonical_loss(name)
    plan, model = _network(make_plan, loss, [])
    rng = np.random.default_rng(0)
    y = _labels(label_rules(loss, (4,)).kind, 4, rng)
    sums, _ = _compute(plan, model, rng.standard_normal((8, 6)).astype(np.float32), y)
    assert np.isfinite(sums.sums[0])
    assert np.isfinite(sums.gradient).all()
    assert np.any(sums.gradient != 0)


def _fits(metric: str, loss: str) -> bool:
    """Keras computes the others too, or fails at them, but not on labels that mean anything to them."""
    if loss == "SparseCategoricalCrossentropy":
        return metric == "accuracy" or metric.startswith("Sparse")
    if loss == "BinaryCrossentropy":
        return not metric.startswith(("Sparse", "Categorical", "TopK"))
    return not metric.startswith(("Sparse", "Binary"))


@pytest.mark.parametrize(
    "loss_name", ["SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"]
)
def test_every_metric_of_the_form_is_what_keras_makes_of_the_whole_unit(loss_name: str, make_plan: Any) -> None:
    units = 1 if loss_name == "BinaryCrossentropy" else 4
    loss = canonical_loss(loss_name)
    metrics = []
    for name in METRICS:
        if _fits(name, loss_name) and not name.endswith(("AtRecall", "AtPrecision", "AtSpecificity", "AtSensitivity")):
            metrics += canonical_metrics([name], loss, (units,))
    metrics = list({metric["config"]["name"]: metric for metric in metrics}.values())
    assert metrics
    plan, model = _network(make_plan, loss, metrics, units)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 6)).astype(np.float32)
    y = _labels(label_rules(loss, (units,)).kind, units, rng)
    _, found = _compute(plan, model, x, y)
    fresh = metric_objects(metrics)
    for metric in fresh:
        metric.update_state(y, model(x))
        expected = float(np.mean(keras.ops.convert_to_numpy(metric.result())))
        assert found[metric.name] == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_the_form_steps(name: str) -> None:
    model = keras.Sequential([keras.Input((6,)), L.Dense(4)])
    before = [variable.numpy() for variable in model.trainable_variables]
    stepper = Stepper(canonical_optimizer(name), model.trainable_variables)
    stepper.step([np.ones(variable.shape, np.float32) for variable in model.trainable_variables])
    assert stepper.encode() is not None
    assert not np.array_equal(before[0], model.trainable_variables[0].numpy())


def test_a_schedule_with_warm_up_steps() -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=1.0, warmup_steps=2)
    described = keras.saving.serialize_keras_object(keras.optimizers.SGD(schedule))
    model = keras.Sequential([keras.Input((1,)), L.Dense(1, use_bias=False)])
    stepper = Stepper(canonical_optimizer(described), model.trainable_variables)
    moves = []
    for _ in range(3):
        before = model.trainable_variables[0].numpy().item()
        stepper.step([np.ones((1, 1), np.float32)])
        moves.append(before - model.trainable_variables[0].numpy().item())
    np.testing.assert_allclose(moves, [0.0, 0.5, 1.0], atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_data_and_labels_of_every_dtype_give_what_float32_gives(dtype: str, make_plan: Any) -> None:
    loss = canonical_loss("sparse_categorical_crossentropy")
    plan, model = _network(make_plan, loss, canonical_metrics(["accuracy"], loss, (4,)))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (8, 6)).astype(dtype), rng.integers(0, 2, 8).astype(dtype)
    sums, _ = _compute(plan, model, x, y)
    expected, _ = _compute(plan, model, x.astype(np.float32), y.astype(np.float32))
    np.testing.assert_array_equal(sums.gradient, expected.gradient)
    np.testing.assert_array_equal(sums.sums, expected.sums)


def test_states_of_metrics_add_over_units(make_plan: Any) -> None:
    model = keras.Sequential([keras.Input((6,)), L.Dense(4, "softmax")])
    metrics = [
        keras.metrics.F1Score(name="f1"),
        keras.metrics.AUC(name="auc"),
        keras.metrics.MeanSquaredError(name="mse"),
    ]
    prime_metrics(metrics, model)
    rng = np.random.default_rng(0)
    x, y = (
        rng.standard_normal((20, 6)).astype(np.float32),
        np.eye(4, dtype=np.float32)[rng.integers(0, 4, 20)],
    )
    y_pred = model(x)
    total = np.zeros_like(read_states(metrics))
    for rows in (slice(0, 7), slice(7, 20)):
        for metric in metrics:
            metric.reset_state()
            metric.update_state(y[rows], y_pred[rows])
        total = total + read_states(metrics)
    found = results_of(metrics, total)
    for metric in metrics:
        metric.reset_state()
        metric.update_state(y, y_pred)
        assert found[metric.name] == pytest.approx(float(np.mean(metric.result())), rel=1e-5)


def test_sums_of_another_length_are_an_error(make_plan: Any) -> None:
    metrics = [keras.metrics.MeanSquaredError()]
    with pytest.raises(ValueError, match="3 metric sums where 2"):
        results_of(metrics, np.zeros(3))


@pytest.mark.parametrize(
    ("function", "field"),
    [(loss_object, "loss"), (lambda described: metric_objects([described]), "metrics")],
)
def test_what_keras_does_not_know_is_refused_beside_its_field(function: Any, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        function({"class_name": "NoSuchThing", "config": {}})
    assert refusal.value.field == field
