"""When a pause is to end, from the words of a person. Pure: the time of day is passed in."""

import re
from datetime import datetime, time, timedelta

from volunteer.errors import StopAndTell

MORNING = time(6)
"""When tomorrow begins, for people who went to bed."""
LONGEST = timedelta(days=366)

_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_LENGTH = re.compile(r"(\d{1,9})\s*(s|min|m|h|d)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def tomorrow_morning(now: datetime) -> datetime:
    """Six o'clock of the next day, where `now` is local time with its zone."""
    return _at(now, MORNING, days=1)


def after(text: str, now: datetime) -> datetime:
    """The end of a pause that lasts "90m", "2h", "1d" or "1h 30m". Raises StopAndTell."""
    parts = _LENGTH.findall(text.lower())
    if not parts or _LENGTH.sub("", text.lower()).strip(" ,"):
        raise StopAndTell(f"“{text}” is no length of time. Say 90m, 2h or 1d.")
    try:
        length = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())
    except OverflowError:
        length = timedelta.max
    if not timedelta() < length <= LONGEST:
        raise StopAndTell(
            f"“{text}” is out of range: a pause lasts from a second to a year, or, without an end, for ever."
        )
    return now + length


def at(text: str, now: datetime) -> datetime:
    """The next instant that a clock shows "18:30", or "tomorrow" (in the morning). Raises StopAndTell."""
    word = text.strip().lower()
    if word == "tomorrow":
        return tomorrow_morning(now)
    match = _CLOCK.fullmatch(word)
    try:
        wanted = time(int(match[1]), int(match[2])) if match else None
    except ValueError:
        wanted = None
    if wanted is None:
        raise StopAndTell(f"“{text}” is no time. Say tomorrow, or a time of day such as 18:30.")
    today = _at(now, wanted, days=0)
    return today if today > now else _at(now, wanted, days=1)


def shown(until: datetime, now: datetime) -> str:
    """That end as people say it: 18:30, Tuesday, 06:00 or 23 December, 12:00. `now`: local time with its zone."""
    until = until.astimezone(now.tzinfo)
    day = "" if until.date() == now.date() else f"{until:%A}, "
    if (until - now).days >= 6:
        day = f"{until.day} {until:%B}, "
    return f"{day}{until:%H:%M}"


def _at(now: datetime, wanted: time, days: int) -> datetime:
    """That time of day, so many days later, by the clock on the wall also where summer time begins in between."""
    day = now.date() + timedelta(days=days)
    moment = datetime.combine(day, wanted, now.tzinfo)
    # A fixed offset, as the system gives it for now, may be another one by then.
    local = moment.replace(tzinfo=None).astimezone()
    return local if now.utcoffset() == now.replace(tzinfo=None).astimezone().utcoffset() else moment
