"""The budget of errors, and whom nearly everybody's errors are blamed on."""

import pytest

from server.rules.quorum import Agreement
from server.rules.reputation import RECENT, must_quarantine, project_is_to_blame, quarantine_sentence

RIGHT, OFF, WRONG = Agreement.agree, Agreement.unclear, Agreement.differ


def test_one_error_is_forgiven_whenever_it_comes() -> None:
    assert not must_quarantine(0, 1, [WRONG])
    assert not must_quarantine(500, 1, [RIGHT] * 19 + [WRONG])


def test_two_errors_in_a_short_time_put_it_out() -> None:
    assert must_quarantine(0, 2, [WRONG, WRONG])
    assert must_quarantine(18, 2, [WRONG] + [RIGHT] * 18 + [WRONG])


def test_an_error_is_forgotten_after_enough_good_work() -> None:
    assert not must_quarantine(100, 2, [WRONG] + [RIGHT] * RECENT + [WRONG])


def test_who_errs_rarely_but_for_ever_is_put_out_by_the_share() -> None:
    clean = [RIGHT] * RECENT
    assert must_quarantine(40, 3, clean)
    assert not must_quarantine(100, 3, clean)


def test_who_is_a_little_off_again_and_again_is_put_out_and_who_is_rarely_is_not() -> None:
    assert must_quarantine(40, 0, [OFF] * 5)
    assert must_quarantine(40, 1, [OFF] * 4 + [RIGHT] * 15 + [WRONG])
    assert not must_quarantine(40, 0, [OFF] * 4 + [RIGHT] * 16 + [OFF])


def test_the_owner_is_told_the_numbers() -> None:
    assert "2 times, and the same numbers 18 times" in quarantine_sentence(18, 2)
    assert "once" in quarantine_sentence(5, 1)
    told = quarantine_sentence(12, 0, 5)
    assert "never, numbers close to them but not close enough 5 times, and the same numbers 12 times." in told


@pytest.mark.parametrize(
    ("compared", "refuted", "blamed"), [(10, 9, True), (10, 8, True), (10, 3, False), (3, 3, True), (2, 2, False)]
)
def test_when_nearly_every_host_fails_it_is_the_project(compared: int, refuted: int, blamed: bool) -> None:
    assert project_is_to_blame(compared, refuted) is blamed
