import math

import pytest

from server.rules.early_stopping import Stop, sentence, stop_at


@pytest.mark.parametrize(
    ("losses", "patience", "stop"),
    [
        ([], 1, None),
        ([1.0], 1, None),
        ([1.0, 2.0], 0, None),
        ([1.0, 2.0], 1, Stop(2, 1)),
        ([1.0, 1.0], 1, Stop(2, 1)),
        ([3.0, 1.0, 2.0], 2, None),
        ([3.0, 1.0, 2.0, 1.5], 2, Stop(4, 2)),
        ([3.0, 1.0, 2.0, 0.5], 2, None),
        ([1.0, None, None], 2, None),
        ([1.0, None, 2.0], 2, None),
        ([1.0, None, 2.0, 2.0], 2, Stop(4, 1)),
        ([2.0, math.nan, math.inf], 2, Stop(3, 1)),
        ([math.nan, math.nan], 1, Stop(2, 1)),
        ([math.nan, 5.0], 1, None),
    ],
)
def test_training_stops_when_the_best_is_as_far_behind_as_the_patience(
    losses: list[float | None], patience: int, stop: Stop | None
) -> None:
    assert stop_at(losses, patience) == stop


def test_the_sentence_names_both_epochs() -> None:
    assert sentence(Stop(7, 4), 3) == (
        "Stopped early after epoch 7: the validation loss has not improved for 3 epochs; the best was epoch 4."
    )
    assert "for 1 epoch;" in sentence(Stop(2, 1), 1)
