"""Losses, metrics, optimizers and schedules: names and stored objects of all Keras, to canonical ones."""

import copy
import json
import os
from typing import Any

import pytest

from volunteer.plan.objectives import (
    LOSSES,
    METRICS,
    OPTIMIZERS,
    LabelRule,
    canonical_loss,
    canonical_metrics,
    canonical_optimizer,
    compiled_from,
    label_rules,
    optimizer_from_form,
    scaled_learning_rate,
)
from volunteer.plan.refused import Refused

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

NEEDED: dict[str, dict[str, Any]] = {
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
SPARSE = canonical_loss("sparse_categorical_crossentropy")
ONE_HOT = canonical_loss("categorical_crossentropy")
MSE = canonical_loss("mse")


def refused(field: str, call: Any, *args: Any) -> str:
    with pytest.raises(Refused) as caught:
        call(*args)
    assert caught.value.field == field
    return caught.value.sentence


def _through_keras(canonical: dict[str, Any]) -> dict[str, Any]:
    keras = pytest.importorskip("keras")
    made = keras.saving.deserialize_keras_object(copy.deepcopy(canonical), safe_mode=True)
    assert type(made).__name__ == canonical["class_name"]
    stored: dict[str, Any] = json.loads(json.dumps(keras.saving.serialize_keras_object(made)))
    return stored


def _unnamed(canonical: dict[str, Any]) -> dict[str, Any]:
    config = {name: value for name, value in canonical["config"].items() if name != "name"}
    return {**canonical, "config": config}


@pytest.mark.parametrize("name", LOSSES)
def test_keras_builds_every_loss_and_stores_it_as_we_read_it(name: str) -> None:
    canonical = canonical_loss(name)
    assert canonical_loss(canonical) == canonical
    assert _unnamed(canonical_loss(_through_keras(canonical))) == _unnamed(canonical)


@pytest.mark.parametrize("name", [name for name in METRICS if name != "accuracy"])
def test_keras_builds_every_metric_and_stores_it_as_we_read_it(name: str) -> None:
    canonical = canonical_metrics([{"class_name": name, "config": NEEDED.get(name, {})}], None, (10,))
    assert canonical_metrics(canonical, None, (10,)) == canonical
    assert canonical_metrics([_through_keras(canonical[0])], None, (10,)) == canonical


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keras_builds_every_optimizer_and_stores_it_as_we_read_it(name: str) -> None:
    canonical = optimizer_from_form(name, 0.5)
    assert canonical_optimizer(canonical) == canonical
    assert _unnamed(canonical_optimizer(_through_keras(canonical))) == _unnamed(canonical)


SCHEDULES: dict[str, dict[str, Any]] = {
    "ExponentialDecay": {"initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.9},
    "InverseTimeDecay": {
        "initial_learning_rate": 0.5,
        "decay_steps": 10,
        "decay_rate": 0.9,
        "staircase": True,
    },
    "PolynomialDecay": {"initial_learning_rate": 0.5, "decay_steps": 10, "end_learning_rate": 0.25},
    "PiecewiseConstantDecay": {"boundaries": [10, 20], "values": [0.5, 0.25, 0.125]},
    "CosineDecay": {"initial_learning_rate": 0.0, "decay_steps": 10, "warmup_target": 0.5, "warmup_steps": 5},
    "CosineDecayRestarts": {"initial_learning_rate": 0.5, "first_decay_steps": 10},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_keras_builds_every_schedule_and_a_scaled_one_gives_scaled_rates(name: str) -> None:
    keras = pytest.importorskip("keras")
    schedule = {"module": "keras.optimizers.schedules", "class_name": name, "config": SCHEDULES[name]}
    canonical = canonical_optimizer({"class_name": "SGD", "config": {"learning_rate": schedule}})
    assert canonical_optimizer(canonical) == canonical
    twice = scaled_learning_rate(canonical, 2.0)
    assert canonical_optimizer(twice) == twice
    rates = [
        [
            float(keras.saving.deserialize_keras_object(copy.deepcopy(one["config"]["learning_rate"]))(step))
            for step in (0, 3, 15, 25)
        ]
        for one in (canonical, twice)
    ]
    assert rates[1] == pytest.approx([2 * rate for rate in rates[0]])
    assert any(rates[0])


def test_a_constant_rate_is_scaled_and_nothing_else() -> None:
    adam = optimizer_from_form("adam", 0.01)
    scaled = scaled_learning_rate(adam, 4)
    assert scaled["config"]["learning_rate"] == pytest.approx(0.04)
    assert {**scaled["config"], "learning_rate": 0.01} == adam["config"]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), "fast"])
def test_a_rate_that_is_none_is_refused_beside_its_own_field(rate: Any) -> None:
    refused("learning_rate", optimizer_from_form, "Adam", rate)


def test_keras_2_names_and_decay_keep_their_meaning() -> None:
    config = {"lr": 0.01, "decay": 0.001, "epsilon": None, "beta_1": 0.8, "schedule_decay": 0.004}
    canonical = canonical_optimizer({"class_name": "Adam", "config": config})
    rate = canonical["config"]["learning_rate"]
    assert rate["class_name"] == "InverseTimeDecay"
    assert rate["config"] == {
        "initial_learning_rate": 0.01,
        "decay_steps": 1,
        "decay_rate": 0.001,
        "staircase": False,
    }
    assert canonical["config"]["epsilon"] == 1e-7
    experimental = {
        "class_name": "Custom>Adam",
        "config": {"jit_compile": True, "is_legacy_optimizer": False},
    }
    assert canonical_optimizer(experimental)["class_name"] == "Adam"


@pytest.mark.parametrize(
    "raw",
    [
        "LossScaleOptimizer",
        "mine",
        {"class_name": "Adam", "config": {"use_ema": True}},
        {"class_name": "Adam", "config": {"gradient_accumulation_steps": 4}},
        {"class_name": "Adam", "config": {"loss_scale_factor": 2.0}},
        {"class_name": "Adam", "config": {"beta_1": 2}},
        {"class_name": "Adam", "config": {"clipnorm": 1.0, "clipvalue": 1.0}},
        {"class_name": "Adam", "config": {}, "registered_name": "mine>Adam"},
        {"class_name": "Adam", "config": {}, "module": "os"},
        {"class_name": "SGD", "config": {"learning_rate": {"class_name": "MySchedule", "config": {}}}},
        {
            "class_name": "SGD",
            "config": {"learning_rate": {"class_name": "__lambda__", "config": {"value": "x"}}},
        },
        None,
    ],
)
def test_an_optimizer_that_is_not_permitted_is_refused(raw: Any) -> None:
    assert refused("optimizer", canonical_optimizer, raw)


@pytest.mark.parametrize(
    "raw",
    [
        "dice",
        "ctc",
        "mine",
        {"class_name": "MeanSquaredError", "config": {"reduction": "sum"}},
        {"class_name": "MeanSquaredError", "config": {"reduction": "none"}},
        {"class_name": "Huber", "config": {"delta": "big"}},
        {"class_name": "function", "config": "my_loss", "module": "__main__"},
        {"class_name": "SparseCategoricalCrossentropy", "config": {"ignore_class": 0}},
        None,
    ],
)
def test_a_loss_that_is_not_permitted_is_refused(raw: Any) -> None:
    assert refused("loss", canonical_loss, raw)


def test_losses_of_keras_2_are_read() -> None:
    config = {"reduction": "auto", "name": "x", "from_logits": True, "fn": "categorical_crossentropy"}
    canonical = canonical_loss({"class_name": "CategoricalCrossentropy", "config": config})
    assert canonical["config"] == {"from_logits": True, "label_smoothing": 0.0, "axis": -1, "name": "x"}
    assert canonical_loss("categorical_crossentropy")["class_name"] == "CategoricalCrossentropy"


@pytest.mark.parametrize(
    ("loss", "shape", "wanted"),
    [
        (SPARSE, (10,), "SparseCategoricalAccuracy"),
        (SPARSE, (8, 8, 3), "SparseCategoricalAccuracy"),
        (ONE_HOT, (10,), "CategoricalAccuracy"),
        (canonical_loss("bce"), (1,), "BinaryAccuracy"),
    ],
)
def test_accuracy_becomes_the_one_that_fits_loss_and_output(loss: Any, shape: Any, wanted: str) -> None:
    for short in ("accuracy", "acc"):
        metric = canonical_metrics([short], loss, shape)[0]
        assert metric["class_name"] == wanted
        assert metric["config"]["name"] == short


def test_metrics_are_found_wherever_keras_keeps_them_and_named_apart() -> None:
    wrapper = {
        "class_name": "MeanMetricWrapper",
        "config": {"name": "accuracy", "fn": "sparse_categorical_accuracy"},
    }
    found = canonical_metrics(
        [[wrapper], {"out": ["accuracy", None]}, "sparse_top_k_categorical_accuracy"], SPARSE, (10,)
    )
    assert [metric["config"]["name"] for metric in found] == [
        "accuracy",
        "accuracy_1",
        "sparse_top_k_categorical_accuracy",
    ]


@pytest.mark.parametrize(
    ("raw", "loss"),
    [
        (["mine"], SPARSE),
        (["CategoricalAccuracy"], SPARSE),
        (["SparseCategoricalAccuracy"], ONE_HOT),
        (["PearsonCorrelation"], MSE),
        ([{"class_name": "PrecisionAtRecall", "config": {}}], MSE),
        ([{"class_name": "AUC", "config": {"num_thresholds": 10**9}}], MSE),
        (["mae"] * 21, MSE),
        (["accuracy"], None),
    ],
)
def test_a_metric_that_is_not_permitted_is_refused(raw: Any, loss: Any) -> None:
    assert refused("metrics", canonical_metrics, raw, loss, (10,))


def test_label_rules_say_what_labels_must_look_like() -> None:
    assert label_rules(SPARSE, (8, 3)) == LabelRule("integer", 3, (8,))
    assert label_rules(ONE_HOT, (3,)) == LabelRule("one_hot", 3, (3,))
    assert label_rules(canonical_loss("bce"), (1,)) == LabelRule("binary", None, (1,))
    assert label_rules(MSE, (2,)) == LabelRule("real", None, (2,))
    assert "one output" in refused("loss", label_rules, SPARSE, (1,))


def test_what_a_file_was_compiled_with_is_read_as_a_whole() -> None:
    stored = {
        "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.01}},
        "loss": {"out": "mse"},
        "metrics": {"out": ["mae"]},
        "loss_weights": None,
        "sample_weight_mode": None,
    }
    compiled = compiled_from(stored, (1,))
    assert compiled.loss == MSE
    assert [metric["class_name"] for metric in compiled.metrics] == ["MeanAbsoluteError"]
    assert compiled.optimizer is not None
    assert compiled.optimizer["config"]["learning_rate"] == 0.01
    empty = compiled_from({}, (1,))
    assert (empty.loss, empty.metrics, empty.optimizer) == (None, [], None)
    assert "loss_weights" in refused("loss", compiled_from, {**stored, "loss_weights": [0.5]}, (1,))
    assert "2 losses" in refused("loss", compiled_from, {**stored, "loss": ["mse", "mae"]}, (1,))
