"""Which rule makes one gradient of a round's results."""

import pytest

from server.rules.averaging import ENOUGH, IN_WORDS, WISHES, Averaging, rule_for
from server.rules.rollback import LIMITS


@pytest.mark.parametrize("wish", ["", "auto"])
@pytest.mark.parametrize(
    ("results", "believes_all", "rule"),
    [
        (1, False, Averaging.mean), (ENOUGH - 1, False, Averaging.mean), (ENOUGH, False, Averaging.centered_clip),
        (200, False, Averaging.centered_clip), (200, True, Averaging.mean),
    ],
)  # fmt: skip
def test_left_to_the_grid_few_results_are_averaged_and_many_clipped(
    wish: str, results: int, believes_all: bool, rule: Averaging
) -> None:
    assert rule_for(wish, results, believes_all) is rule


@pytest.mark.parametrize("rule", list(Averaging))
def test_what_a_project_asks_for_it_gets_whatever_the_grid_believes(rule: Averaging) -> None:
    assert rule_for(rule.value, 1, True) is rule


def test_every_rule_can_be_wished_for_and_has_words_and_a_limit_of_what_it_bears() -> None:
    assert set(IN_WORDS) == set(WISHES)
    assert set(LIMITS) == set(Averaging)
