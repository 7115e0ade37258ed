from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from volunteer.errors import StopAndTell
from volunteer.preferences.pause_ends import after, at, tomorrow_morning

NOW = datetime(2026, 3, 10, 22, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"),
    [("2h", timedelta(hours=2)), ("90m", timedelta(minutes=90)), ("90 min", timedelta(minutes=90)),
     ("1d", timedelta(days=1)), ("1h 30m", timedelta(minutes=90)), ("45S", timedelta(seconds=45))],
)  # fmt: skip
def test_a_length_of_time(text, length):
    assert after(text, NOW) == NOW + length


@pytest.mark.parametrize("text", ["", "2", "h", "two hours", "-2h", "0h", "2h x", "9999999d", "367d", "1.5h"])
def test_what_is_no_length_is_told(text):
    with pytest.raises(StopAndTell):
        after(text, NOW)


def test_a_time_of_day_is_the_next_one():
    assert at("23:00", NOW) == datetime(2026, 3, 10, 23, 0, tzinfo=UTC)
    assert at("22:15", NOW) == datetime(2026, 3, 11, 22, 15, tzinfo=UTC)
    assert at(" 6:30", NOW) == datetime(2026, 3, 11, 6, 30, tzinfo=UTC)


def test_tomorrow_begins_in_the_morning():
    assert at("Tomorrow", NOW) == tomorrow_morning(NOW) == datetime(2026, 3, 11, 6, 0, tzinfo=UTC)
    past_midnight = NOW + timedelta(hours=3)
    assert tomorrow_morning(past_midnight) == datetime(2026, 3, 12, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "24:00", "12:60", "noon", "18", "2026-03-11"])
def test_what_is_no_time_is_told(text):
    with pytest.raises(StopAndTell, match="18:30"):
        at(text, NOW)


def test_the_clock_on_the_wall_counts_where_it_is_put_forward_in_between(monkeypatch):
    paris = ZoneInfo("Europe/Paris")
    evening = datetime(2026, 3, 28, 22, 0, tzinfo=paris)
    assert at("07:00", evening).astimezone(UTC) == datetime(2026, 3, 29, 5, 0, tzinfo=UTC)
    elsewhere = datetime(2026, 3, 28, 22, 0, tzinfo=timezone(timedelta(hours=9)))
    assert at("07:00", elsewhere) == datetime(2026, 3, 29, 7, 0, tzinfo=timezone(timedelta(hours=9)))


def test_a_system_that_gives_fixed_offsets_is_corrected_for_summer_time(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    try:
        evening = datetime(2026, 3, 28, 21, 0, tzinfo=UTC).astimezone()
        assert at("07:00", evening) == datetime(2026, 3, 29, 5, 0, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()
