"""Numbers and instants in words, for the templates."""

import datetime as dt
import math

from flask import Flask


def install(app: Flask) -> None:
    for word in (size, number, percent, duration, ago, utc, state_words, measure):
        app.add_template_filter(word)


def size(count: float) -> str:
    """1536 -> "1.5 KB"; decimal places only where they say something."""
    if count < 1000:
        return f"{int(count)} bytes"
    for unit in ("KB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5:
            break
    return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"


def number(count: float) -> str:
    return f"{count:,.0f}"


def percent(share: float) -> str:
    """0.256 -> "25 %": rounded down, so that 100 % means finished."""
    return f"{math.floor(100 * min(max(share, 0.0), 1.0) + 1e-9)} %"


def measure(value: float | None) -> str:
    """A loss or metric in four digits; a dash where there is none."""
    if value is None:
        return "–"
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


def state_words(state: str) -> str:
    """The name of a state as people read it."""
    return str(state).replace("_", " ")
