"""The budget of errors, and whom nearly everybody's errors are blamed on."""

import pytest

from server.rules.reputation import RECENT, must_quarantine, project_is_to_blame, quarantine_sentence


def test_one_error_is_forgiven_whenever_it_comes() -> None:
    assert not must_quarantine(0, 1, [True])
    assert not must_quarantine(500, 1, [False] * 19 + [True])


def test_two_errors_in_a_short_time_put_it_out() -> None:
    assert must_quarantine(0, 2, [True, True])
    assert must_quarantine(18, 2, [True] + [False] * 18 + [True])


def test_an_error_is_forgotten_after_enough_good_work() -> None:
    assert not must_quarantine(100, 2, [True] + [False] * RECENT + [True])


def test_who_errs_rarely_but_for_ever_is_put_out_by_the_share() -> None:
    clean = [False] * RECENT
    assert must_quarantine(40, 3, clean)
    assert not must_quarantine(100, 3, clean)


def test_the_owner_is_told_the_numbers() -> None:
    assert "2 times, and the same numbers 18 times" in quarantine_sentence(18, 2)
    assert "once" in quarantine_sentence(5, 1)


@pytest.mark.parametrize(
    ("compared", "refuted", "blamed"), [(10, 9, True), (10, 8, True), (10, 3, False), (3, 3, True), (2, 2, False)]
)
def test_when_nearly_every_host_fails_it_is_the_project(compared: int, refuted: int, blamed: bool) -> None:
    assert project_is_to_blame(compared, refuted) is blamed
