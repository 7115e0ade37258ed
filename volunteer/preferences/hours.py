"""Hours of the week such as "mon-fri 18:00-08:00": read, written, asked. By the wall clock: knows no time zone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
MINUTES = 24 * 60
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
EXAMPLE = "Write hours like “18:00-08:00” or “mon-fri 18:00-08:00; sat,sun 00:00-24:00”."


@dataclass(frozen=True)
class Span:
    """From minute `start` of each of those weekdays (0 = Monday) to minute `end`, past midnight where end <= start."""

    days: frozenset[int]
    start: int
    end: int

    def begins_on(self, day: date) -> datetime:
        return datetime.combine(day, time.min) + timedelta(minutes=self.start)

    def holds(self, wall: datetime) -> bool:
        """By the clock on the wall: on the days when clocks change, a night is an hour shorter or longer."""
        minute = wall.hour * 60 + wall.minute
        if self.end > self.start:
            return wall.weekday() in self.days and self.start <= minute < self.end
        # The part after midnight belongs to the day on which it began.
        began_yesterday = (wall.weekday() - 1) % 7 in self.days and minute < self.end
        return began_yesterday or (wall.weekday() in self.days and minute >= self.start)

    def __str__(self) -> str:
        clock = f"{self.start // 60:02}:{self.start % 60:02}-{self.end // 60:02}:{self.end % 60:02}"
        return clock if self.days == EVERY_DAY else f"{_days_text(self.days)} {clock}"


def parse_hours(text: str) -> tuple[str, ...]:
    """Each span in its plain form; none for "" and "any". Raises ValueError with a sentence."""
    plain = re.sub(r"\s*[-–]\s*", "-", text.lower())
    pieces = [piece.strip() for piece in re.split(r"[,;\n]", plain) if piece.strip()]
    if pieces in ([], ["any"], ["any time"], ["always"]):
        return ()
    spans: list[str] = []
    days: set[int] = set()
    for piece in pieces:
        match = _SPAN.search(piece)
        words = (piece if match is None else piece[: match.start()]).split()
        for word in words:
            days |= _days(word)
        if match is None:
            continue
        if piece[match.end() :].strip():
            raise ValueError(f"“{piece}” has more behind its hours. {EXAMPLE}")
        spans.append(str(Span(frozenset(days) or EVERY_DAY, *_minutes(match))))
        days = set()
    if days or not spans:
        raise ValueError(f"“{text}” names days without hours. {EXAMPLE}")
    return tuple(spans)


def read_span(text: str) -> Span:
    """One span in its plain form. Raises ValueError with a sentence."""
    plain = parse_hours(text)
    match = _SPAN.search(plain[0]) if len(plain) == 1 else None
    if match is None:
        raise ValueError(f"“{text}” are no hours. {EXAMPLE}")
    named = plain[0][: match.start()].replace(",", " ").split()
    return Span(frozenset().union(*(_days(word) for word in named)) or EVERY_DAY, *_minutes(match))


def allowed(hours: Sequence[str], wall: datetime) -> bool:
    """Whether that instant by the wall clock lies in one of these spans; no spans allow any time."""
    return not hours or any(read_span(text).holds(wall) for text in hours)


def next_start(hours: Sequence[str], wall: datetime) -> datetime | None:
    """When the next of these spans begins, by the wall clock; None without spans."""
    starts = [
        start
        for span in map(read_span, hours)
        for day in range(8)
        if (start := span.begins_on(wall.date() + timedelta(days=day))) > wall.replace(tzinfo=None)
        and start.weekday() in span.days
    ]
    return min(starts, default=None)


def _minutes(match: re.Match[str]) -> tuple[int, int]:
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if start >= MINUTES or end > MINUTES or start_minute > 59 or end_minute > 59:
        raise ValueError(f"“{match[0]}” is no time of the day: hours go from 00:00 to 24:00.")
    if start == end:
        raise ValueError(f"“{match[0]}” begins and ends at the same time. The whole day is 00:00-24:00.")
    return start, end


def _days(word: str) -> set[int]:
    if word in ("daily", "every", "day"):
        return set(EVERY_DAY)
    first, dash, last = word.partition("-")
    start, end = _day(first), _day(last if dash else first)
    return {(start + step) % 7 for step in range((end - start) % 7 + 1)}


def _day(word: str) -> int:
    for number, name in enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")):
        if len(word) >= 3 and name.startswith(word):
            return number
    raise ValueError(f"“{word}” is no day of the week. {EXAMPLE}")


def _days_text(days: frozenset[int]) -> str:
    """Runs of three days and more as "mon-wed"."""
    words: list[str] = []
    rest = sorted(days)
    while rest:
        run = [rest.pop(0)]
        while rest and rest[0] == run[-1] + 1:
            run.append(rest.pop(0))
        if len(run) > 2:
            words.append(f"{DAYS[run[0]]}-{DAYS[run[-1]]}")
        else:
            words += [DAYS[day] for day in run]
    return ",".join(words)
