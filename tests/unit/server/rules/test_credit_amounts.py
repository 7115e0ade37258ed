"""What work is worth."""

import pytest

from server.rules.credit import amount_of, recent_average, surplus_cap


def test_a_credit_is_a_billion_floating_point_operations() -> None:
    """Multiply-adds are two of them, the backward pass costs two forward passes: six a multiply-add."""
    assert amount_of(operations=10**9 // 6 + 1, mini_batches=1) == 1000
    assert amount_of(operations=10**7, mini_batches=50) == 3000


def test_no_work_is_worth_nothing_however_small_the_model() -> None:
    assert amount_of(operations=1, mini_batches=1) == 1


def test_surplus_is_capped_by_what_was_earned_and_by_ten_units_for_newcomers() -> None:
    assert surplus_cap(granted_lately=0, of_one_unit=30) == 300
    assert surplus_cap(granted_lately=4000, of_one_unit=30) == 1300
    assert surplus_cap(granted_lately=-4000, of_one_unit=30) == 300, "more was taken back of late than granted"


def test_who_earns_the_same_every_day_comes_to_that_average() -> None:
    assert recent_average((day + 0.5, 5000) for day in range(400)) == pytest.approx(5.0, rel=1e-3)


def test_an_average_halves_in_a_week_without_work() -> None:
    now = recent_average([(0.0, 7000)])
    assert recent_average([(7.0, 7000)]) == pytest.approx(now / 2)
    assert recent_average([(0.0, 1000), (0.0, -2000)]) == 0.0, "taken back by more than is left"
