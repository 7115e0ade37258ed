"""How fast, how long still: from recent rounds, and nothing where nothing is known."""

import datetime as dt
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.progress import about, mini_batches_per_second, round_seconds, seconds_left
from server.rules.thinning import step_for

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@dataclass
class Closed:
    used: int
    opened_at: dt.datetime
    closed_at: dt.datetime


def rounds(*seconds: float, used: int = 4) -> list[Closed]:
    """One after the other."""
    found, at = [], START
    for each in seconds:
        found.append(Closed(used, at, at + dt.timedelta(seconds=each)))
        at = found[-1].closed_at
    return found


def after(closed: list[Closed], seconds: float) -> dt.datetime:
    return closed[-1].closed_at + dt.timedelta(seconds=seconds)


def test_nothing_is_said_before_anything_is_known() -> None:
    assert round_seconds([]) is None
    assert mini_batches_per_second([], START) is None
    two = rounds(1, 1)
    assert seconds_left(two, 100, after(two, 0)) is None


def test_steady_rounds_give_their_own_figures() -> None:
    closed = rounds(*[2.0] * 20)
    now = after(closed, 1)
    assert round_seconds(closed) == 2.0
    assert mini_batches_per_second(closed, now) == pytest.approx(2.0)
    assert seconds_left(closed, 100, now) == pytest.approx(50.0)


def test_one_round_that_took_a_night_changes_no_estimate() -> None:
    closed = rounds(*[2.0] * 10, 30_000, *[2.0] * 10)
    assert seconds_left(closed, 100, after(closed, 1)) == pytest.approx(50.0)
    just_now = rounds(*[2.0] * 10, 30_000, 2.0)
    assert mini_batches_per_second(just_now, after(just_now, 0)) == pytest.approx(2.0)


def test_the_figure_is_of_the_last_minute() -> None:
    closed = rounds(*[10.0] * 30, *[1.0] * 60)
    assert mini_batches_per_second(closed, after(closed, 0)) == pytest.approx(4.0)


def test_when_nothing_closes_any_more_the_speed_is_nothing_and_the_estimate_goes() -> None:
    closed = rounds(*[2.0] * 10)
    late = after(closed, 600)
    assert mini_batches_per_second(closed, late) == 0.0
    assert seconds_left(closed, 100, late) is None


def test_rounds_that_take_long_are_not_taken_for_stalled() -> None:
    closed = rounds(*[600.0] * 5)
    assert seconds_left(closed, 4, after(closed, 500)) == pytest.approx(600.0)
    assert mini_batches_per_second(closed, after(closed, 500)) == pytest.approx(4 / 600)


def test_rounds_that_took_no_time_divide_nothing_by_it() -> None:
    closed = rounds(0, 0, 0)
    assert mini_batches_per_second(closed, after(closed, 0)) is None
    assert seconds_left(closed, 100, after(closed, 0)) == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a minute"), (59, "less than a minute"), (61, "about 1 min"), (740, "about 12 min"),
     (44 * 60, "about 45 min"), (3 * 3600, "about 3 h"), (47 * 3600, "about 45 h"), (100 * 3600, "about 4 days")],
)  # fmt: skip
def test_times_are_said_as_exactly_as_they_deserve(seconds: float, words: str) -> None:
    assert about(seconds) == words


@given(st.integers(0, 10**7), st.integers(1, 2000))
def test_a_step_is_a_power_of_two_and_leaves_few_points_but_not_too_few(count: int, most: int) -> None:
    step = step_for(count, most)
    assert step & (step - 1) == 0
    assert -(-count // step) <= most
    assert step == 1 or -(-count // (step // 2)) > most
