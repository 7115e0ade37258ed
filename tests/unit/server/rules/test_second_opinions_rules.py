import datetime as dt

import pytest

from server.rules.second_opinions import (
    HARDLY_PATIENT,
    Given,
    Giver,
    leaves_it_to_others,
    may_give,
    somebody_may_give,
)

NO_TIME = dt.timedelta()
STEADY = Given(host=1, account=1, trusted=False, numeric_class="linux intel")


def giver(host: int, account: int, trusted: bool = False, referee: bool = False, kind: str = "linux intel") -> Giver:
    return Giver(host, account, trusted, referee, kind)


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (giver(1, 1), False),
        (giver(2, 1), False),
        (giver(2, 2), True),
        (giver(2, 1, referee=True), True),
        (giver(1, 1, referee=True), False),
        (giver(2, 2, kind="darwin arm64"), True),
    ],
)
def test_opinions_are_of_different_volunteers_except_a_referees(who: Giver, may: bool) -> None:
    assert may_give(who, [STEADY], homogeneous=False) is may


@pytest.mark.parametrize("referee", [True, False])
def test_where_a_project_needs_it_opinions_come_from_one_numeric_class(referee: bool) -> None:
    other = giver(2, 2, referee=referee, kind="darwin arm64")
    assert not may_give(other, [STEADY], homogeneous=True)
    assert may_give(giver(2, 2, referee=referee), [STEADY], homogeneous=True)
    assert may_give(other, [STEADY._replace(numeric_class="")], homogeneous=True)


def test_nobody_may_give_an_opinion_where_all_have() -> None:
    assert not somebody_may_give([giver(1, 1), giver(3, 1)], [STEADY], homogeneous=False)
    assert somebody_may_give([giver(1, 1), giver(2, 2)], [STEADY], homogeneous=False)


def test_a_host_without_trust_leaves_to_one_with_trust_what_one_may_speak_of() -> None:
    newcomer, trusted = giver(2, 2), giver(3, 3, trusted=True)
    assert leaves_it_to_others(newcomer, [STEADY], [newcomer, trusted], False, NO_TIME)
    assert not leaves_it_to_others(trusted, [STEADY], [newcomer, trusted], False, NO_TIME)
    assert not leaves_it_to_others(newcomer, [STEADY], [newcomer], False, NO_TIME)
    assert not leaves_it_to_others(newcomer, [STEADY], [newcomer, trusted], False, HARDLY_PATIENT * 2)
    spoken = Given(host=3, account=3, trusted=True, numeric_class="")
    assert not leaves_it_to_others(newcomer, [STEADY, spoken], [newcomer, trusted], False, NO_TIME)
    fifth = giver(5, 5, trusted=True)
    assert leaves_it_to_others(newcomer, [STEADY, spoken], [newcomer, trusted, fifth], False, NO_TIME)
    of_the_same = giver(4, 1, trusted=True)
    assert not leaves_it_to_others(newcomer, [STEADY], [newcomer, of_the_same], False, NO_TIME)
