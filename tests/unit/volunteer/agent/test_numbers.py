from datetime import date, timedelta

import pytest

from volunteer.agent.numbers import ASK_AFTER_FIRST_SECONDS, ASK_EVERY_SECONDS, KEEP_EVERY_SECONDS, Numbers
from volunteer.errors import RetryLater
from volunteer.protocol.messages import HostNumbers


class Days:
    def __init__(self) -> None:
        self.today = date(2026, 11, 23)
        self.seconds = 0.0


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def start(tmp_path, days):
    return lambda: Numbers(tmp_path / "state" / "numbers.json", lambda: days.today, lambda: days.seconds)


def test_units_are_counted_by_the_local_day(start, days):
    numbers = start()
    numbers.count_unit()
    numbers.count_unit()
    assert numbers.units_today == 2
    days.today += timedelta(days=1)
    assert numbers.units_today == 0
    numbers.count_unit()
    assert numbers.units_today == 1


def test_they_survive_a_restart_of_the_same_day(start, days):
    numbers = start()
    numbers.count_unit()
    numbers.count_unit()
    numbers.keep()
    assert start().units_today == 2
    days.today += timedelta(days=1)
    assert start().units_today == 0


def test_many_units_a_second_are_kept_now_and_then(start, days, tmp_path):
    numbers = start()
    for _ in range(5):
        numbers.count_unit()
    assert start().units_today == 1
    days.seconds += KEEP_EVERY_SECONDS
    numbers.count_unit()
    assert start().units_today == 6


def test_the_grid_is_asked_for_credit_now_and_then_and_its_silence_changes_nothing(start, days, tools):
    numbers = start()
    assert numbers.credit is None
    first, later = HostNumbers("a", "b", 1, 2, 30), HostNumbers("a", "b", 1, 2, 40)
    tools.grid.script["numbers"] = [first, RetryLater("away"), later]
    seen = []
    for _ in range(5):
        numbers.ask(tools.grid)
        numbers.ask(tools.grid)
        seen.append(numbers.credit)
        days.seconds += ASK_EVERY_SECONDS / 2
    assert seen == [30, 30, 30, 30, 40]
    assert len(tools.grid.called("numbers")) == 3
    assert start().credit == 40


def test_credit_is_asked_for_again_soon_after_the_first_unit(start, days, tools):
    """Else whoever has just begun would look at a 0 for five minutes."""
    numbers = start()
    numbers.ask(tools.grid)
    asked = []
    for _ in range(40):
        days.seconds += ASK_AFTER_FIRST_SECONDS / 3
        numbers.count_unit()
        numbers.ask(tools.grid)
        asked.append(len(tools.grid.called("numbers")))
    first = ASK_AFTER_FIRST_SECONDS / 3
    assert asked.index(2) == 3
    assert asked.index(3) == 3 + ASK_EVERY_SECONDS / first


def test_another_grids_credit_is_forgotten(start, tools):
    numbers = start()
    numbers.ask(tools.grid)
    numbers.forget_credit()
    assert numbers.credit is start().credit is None
    numbers.ask(tools.grid)
    assert numbers.credit == 12


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"day": 1, "units": 2, "credit": 3}', '{"day": "2026-11-23", "units": Infinity, "credit": 3}'],
)
def test_a_damaged_file_counts_from_zero(start, tmp_path, text):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "numbers.json").write_text(text)
    assert (start().units_today, start().credit) == (0, None)
