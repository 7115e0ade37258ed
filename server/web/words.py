"""Numbers, instants and problems in words, for the templates."""

import datetime as dt
import math
from collections.abc import Collection, Iterable

from flask import Flask

from server.rules.problems import Problem
from server.rules.progress import about

UNITS = ("KB", "MB", "GB", "TB")


def install(app: Flask) -> None:
    for word in (about, rate, size, number, credits, percent, duration, ago, utc, day, state_words, measure, by_field):
        app.add_template_filter(word)


def size(count: float) -> str:
    """1536 -> "1.5 KB"; 1000 to the step, as disks are sold."""
    if count < 1000:
        return f"{int(count)} bytes"
    steps = min(int(math.log(count * 1.0006, 1000)), len(UNITS))
    scaled = count / 1000**steps
    return f"{scaled:.1f} {UNITS[steps - 1]}" if scaled < 99.95 else f"{scaled:.0f} {UNITS[steps - 1]}"


def number(count: float) -> str:
    return f"{count:,.0f}"


def credits(count: float) -> str:
    """0.1923 -> "0.19": a small model's first mini-batches are worth less than one."""
    return number(count) if count >= 99.5 or count == 0 else f"{count:.2g}"


def rate(a_second: float) -> str:
    """In three digits, as a person would say it."""
    return number(a_second) if a_second >= 99.5 else f"{a_second:.3g}"


def percent(share: float) -> str:
    """0.256 -> "25 %": rounded down, so that 100 % means finished."""
    return f"{math.floor(100 * min(max(share, 0.0), 1.0) + 1e-9)} %"


def measure(value: float | None) -> str:
    """A loss or metric in four digits; a dash where there is none."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "not finite"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3e}"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def ago(instant: dt.datetime | None, now: dt.datetime) -> str:
    if instant is None:
        return "never"
    seconds = (now - instant).total_seconds()
    return "just now" if seconds < 5 else f"{duration(seconds)} ago"


def utc(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def day(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).strftime("%-d %b %Y")


def state_words(state: str) -> str:
    """The name of a state as people read it."""
    return str(state).replace("_", " ")


def by_field(problems: Iterable[Problem], known: Collection[str] | None = None) -> dict[str, list[str]]:
    """Sentences by the field that they stand beside; those of fields that the form has not, under ""."""
    beside: dict[str, list[str]] = {}
    for problem in problems:
        field = problem.field if known is None or problem.field in known else ""
        beside.setdefault(field, []).append(problem.sentence)
    return beside
