"""What settings make of the model's own optimizer and loss."""

from typing import Any

import pytest

from server.rules import objectives
from server.rules.intake_values import DataReading, ModelReading
from server.rules.settings import ProjectSettings
from tests.support.tiny_training import architecture
from volunteer.plan.architecture import describe
from volunteer.plan.objectives import canonical_loss, canonical_optimizer


def model(classes: int = 3, loss: str = "sparse_categorical_crossentropy", rate: Any = 0.5) -> ModelReading:
    shape = describe(architecture(4))
    return ModelReading(
        kind="h5", keras_version="3.15.0", weights="", architecture={}, inputs=shape.inputs, output_shape=(classes,),
        output_activation=None, cost=shape.cost, layers=1, loss=canonical_loss(loss), metrics=[],
        optimizer=canonical_optimizer({"class_name": "SGD", "config": {"learning_rate": rate}}), index_limits={},
    )  # fmt: skip


COSINE = {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.3, "decay_steps": 7}}


def settled(reading: ModelReading, rounds: int = 100, data: Any = None, **changes: Any) -> tuple[Any, dict[str, str]]:
    settings = ProjectSettings(name="x", **changes)
    chosen, problems = objectives.choose(reading, settings)
    if chosen is not None:
        chosen, problems = objectives.settle(chosen, reading, settings, data or DataReading(()), rounds)
    return chosen, {problem.field: problem.sentence for problem in problems}


def rate(chosen: objectives.Objective) -> Any:
    return chosen.optimizer["config"]["learning_rate"]


def test_without_a_schedule_the_files_own_stays() -> None:
    assert rate(settled(model())[0]) == 0.5
    assert rate(settled(model(rate=COSINE))[0])["config"]["decay_steps"] == 7


def test_a_chosen_schedule_goes_before_the_files_and_begins_at_its_rate() -> None:
    chosen, _ = settled(model(rate=COSINE), schedule="linear")
    assert rate(chosen)["class_name"] == "PolynomialDecay"
    assert rate(chosen)["config"]["initial_learning_rate"] == 0.3
    assert rate(settled(model(rate=COSINE), schedule="constant")[0]) == 0.3


def test_the_rate_is_scaled_before_the_schedule_takes_it() -> None:
    chosen, _ = settled(model(), schedule="cosine", warmup_rounds=4, scale_learning_rate=True, k=2)
    config = rate(chosen)["config"]
    assert (config["warmup_target"], config["warmup_steps"], config["decay_steps"]) == (1.0, 4, 96)
    assert config["initial_learning_rate"] == pytest.approx(0.2)


@pytest.mark.parametrize("rounds", [1, 10, 100])
def test_a_warm_up_as_long_as_the_training_is_refused_beside_its_field(rounds: int) -> None:
    _, problems = settled(model(), rounds, schedule="cosine", warmup_rounds=100)
    assert f"has about {rounds} rounds" in problems["warmup_rounds"]


def test_a_warm_up_of_the_files_own_schedule_is_refused_beside_its_field() -> None:
    _, problems = settled(model(rate=COSINE), warmup_rounds=3)
    assert set(problems) == {"warmup_rounds"}
    assert settled(model(rate=COSINE), warmup_rounds=3, schedule="constant")[1] == {}


def test_class_weights_of_a_loss_without_classes_are_refused_beside_their_field() -> None:
    for text in ("balanced", "0:1"):
        _, problems = settled(model(loss="mean_squared_error"), class_weights=text)
        assert set(problems) == {"class_weights"}


def test_balanced_weights_are_counted_from_the_data() -> None:
    data = DataReading((), rows=100, classes=[50, 25, 25])
    chosen, _ = settled(model(), data=data, class_weights="balanced", validation_fraction=0.0)
    assert chosen.class_weights == [pytest.approx(2 / 3), pytest.approx(4 / 3), pytest.approx(4 / 3)]
    chosen, _ = settled(model(), data=data, class_weights="1:5")
    assert chosen.class_weights == [1.0, 5.0, 1.0]
