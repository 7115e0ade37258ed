import math

import pytest

from requestor.history import History
from volunteer.protocol.requestor_messages import Round


def a_round(number: int, epoch: int, loss: float | None, examples: int = 10, **more: object) -> Round:
    return Round(number, epoch, 1, examples, loss, {"accuracy": loss}, 1.0, **more)  # type: ignore[arg-type]


def test_an_epochs_measures_are_means_weighted_by_examples() -> None:
    history = History([a_round(0, 0, 1.0, 30), a_round(1, 0, 2.0, 10), a_round(2, 1, 0.5)], {"epochs": 2})
    assert history.epoch == [0, 1]
    assert history.history == {"loss": [1.25, 0.5], "accuracy": [1.25, 0.5]}
    assert history.params == {"epochs": 2}


def test_validation_is_the_last_that_an_epoch_measured() -> None:
    rounds = [
        a_round(0, 0, 1.0, validation_loss=3.0, validation_metrics={"accuracy": 0.3}),
        a_round(1, 0, 1.0, validation_loss=2.0, validation_metrics={"accuracy": 0.4}),
        a_round(2, 1, 1.0),
    ]
    history = History(rounds, {}).history
    assert (history["val_loss"][0], history["val_accuracy"][0]) == (2.0, 0.4)
    assert math.isnan(history["val_loss"][1])
    assert math.isnan(history["val_accuracy"][1])


def test_a_loss_that_is_not_finite_stays_so() -> None:
    assert math.isnan(History([a_round(0, 0, None), a_round(1, 0, 1.0)], {}).history["loss"][0])


@pytest.mark.parametrize("rounds", [[], [a_round(0, 0, 1.0)]])
def test_a_history_says_what_it_is(rounds: list[Round]) -> None:
    history = History(rounds, {}, project=7)
    assert "project 7" in repr(history)
    assert f"{len(rounds)} epochs" in repr(history)
