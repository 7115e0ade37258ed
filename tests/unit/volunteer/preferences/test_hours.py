"""Hours of the week: nights belong to the day on which they begin, and clocks that change break nothing."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from volunteer.preferences.hours import DAYS, allowed, next_start, parse_hours, read_span

MONDAY = datetime(2026, 11, 23)
MINUTES = some.integers(0, 24 * 60 - 1)
INSTANTS = some.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31))


@some.composite
def spans(draw):
    days = draw(some.sets(some.sampled_from(DAYS), max_size=7))
    start, end = draw(MINUTES), draw(some.integers(0, 24 * 60))
    if start == end:
        end = (end + 1) % (24 * 60)
    clock = f"{start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}"
    return f"{','.join(sorted(days))} {clock}".strip()


@given(some.lists(spans(), max_size=4))
def test_the_plain_form_means_itself(texts):
    plain = parse_hours("; ".join(texts))
    assert parse_hours("; ".join(plain)) == plain
    assert [str(read_span(one)) for one in plain] == list(plain)


@given(spans(), INSTANTS)
def test_a_span_holds_exactly_the_minutes_since_a_start_of_its_own(text, wall):
    span = read_span(text)
    # Counted another way: minute by minute of the week.
    length = (span.end - span.start) % (24 * 60) or 24 * 60
    minute = wall.weekday() * 24 * 60 + wall.hour * 60 + wall.minute
    week = 7 * 24 * 60
    expected = any((minute - (day * 24 * 60 + span.start)) % week < length for day in span.days)
    assert allowed([text], wall) == expected


@given(some.lists(spans(), min_size=1, max_size=3), INSTANTS)
def test_the_next_start_is_allowed_and_nothing_is_between(texts, wall):
    hours = parse_hours("; ".join(texts))
    start = next_start(hours, wall)
    assert start is not None
    assert wall < start <= wall + timedelta(days=8)
    assert allowed(hours, start)
    if not allowed(hours, wall):
        middle = wall + (start - wall) / 2
        assert not allowed(hours, middle)


@pytest.mark.parametrize(
    ("hours", "when", "expected"),
    [
        ("fri 18:00-08:00", MONDAY + timedelta(days=5, hours=7, minutes=59), True),
        ("fri 18:00-08:00", MONDAY + timedelta(days=5, hours=8), False),
        ("fri 18:00-08:00", MONDAY + timedelta(days=4, hours=7), False),
        ("sun 22:00-06:00", MONDAY + timedelta(hours=5), True),
        ("mon-fri 00:00-24:00", MONDAY + timedelta(days=4, hours=23, minutes=59, seconds=59), True),
        ("mon-fri 00:00-24:00", MONDAY + timedelta(days=5), False),
        ("fri-mon 10:00-12:00", MONDAY + timedelta(days=1, hours=11), False),
        ("fri-mon 10:00-12:00", MONDAY + timedelta(days=6, hours=11), True),
    ],
)
def test_nights_and_weekdays(hours, when, expected):
    assert allowed(parse_hours(hours), when) is expected


def test_days_are_written_short():
    assert parse_hours("monday,tue,wednesday 10:00-12:00; sat, sun 8:00-9:00; daily 1:00-2:00") == (
        "mon-wed 10:00-12:00",
        "sat,sun 08:00-09:00",
        "01:00-02:00",
    )


@pytest.mark.parametrize(
    ("day", "hours", "minutes"),
    [(datetime(2026, 3, 28), "22:00-06:00", 7 * 60), (datetime(2026, 10, 24), "22:00-06:00", 9 * 60)],
    ids=["summer time begins", "summer time ends"],
)
def test_the_night_in_which_the_clocks_change_is_an_hour_shorter_or_longer(day, hours, minutes):
    berlin = ZoneInfo("Europe/Berlin")
    noon = day.replace(hour=12, tzinfo=berlin).astimezone(UTC)
    walls = [(noon + timedelta(minutes=minute)).astimezone(berlin) for minute in range(24 * 60)]
    held = [allowed(parse_hours(hours), wall) for wall in walls]
    assert sum(held) == minutes
    # In one piece: no gap and no return.
    assert sum(one != other for one, other in itertools.pairwise(held)) == 2
