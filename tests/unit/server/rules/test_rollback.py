"""How much of a closed round may turn out wrong."""

import pytest

from server.rules.rollback import must_go_back


@pytest.mark.parametrize(
    ("refuted", "used", "averaging", "back"),
    [
        (0, 40, "mean", False),
        (0, 0, "mean", False),
        (2, 40, "mean", False),
        (3, 40, "mean", True),
        (1, 8, "mean", True),
        (8, 40, "centered_clip", False),
        (9, 40, "centered_clip", True),
        (9, 40, "median", True),
        (3, 40, "norm_clip", False),
        (3, 40, "of a later version", True),
    ],
)
def test_a_mean_bears_less_than_a_robust_rule(refuted: int, used: int, averaging: str, back: bool) -> None:
    assert must_go_back(refuted, used, averaging) is back
