"""How fast a training goes and how long it will take, from its recent rounds. Knows no clock: `now` is passed in."""

import datetime as dt
import statistics
from collections.abc import Sequence
from typing import Protocol

RECENT_ROUNDS = 120
"""So many are looked at; the estimates take the last third, for hosts come and go."""

_ESTIMATE_ROUNDS = 40
_WINDOW_SECONDS = 60.0
_LEAST_ROUNDS = 3
_STALLED = 5.0
"""After so many usual durations without a closed round nothing is known any more about the next."""


class ClosedRound(Protocol):
    """`used` mini-batches; the round before closed at the instant at which this one opened."""

    used: int
    opened_at: dt.datetime
    closed_at: dt.datetime


def round_seconds(rounds: Sequence[ClosedRound]) -> float | None:
    """What a round usually takes."""
    return statistics.median(_seconds(each) for each in rounds[-_ESTIMATE_ROUNDS:]) if rounds else None


def mini_batches_per_second(rounds: Sequence[ClosedRound], now: dt.datetime) -> float | None:
    """Over the last minute; by what a mini-batch usually takes where that holds few rounds; 0 when nothing closes."""
    if not rounds:
        return None
    if _is_stalled(rounds, now):
        return 0.0
    # Until the last round that closed, not until now: the figure would go up and down with every round.
    recent = [each for each in rounds if (now - each.closed_at).total_seconds() < _WINDOW_SECONDS]
    if len(recent) > _LEAST_ROUNDS:
        seconds = (recent[-1].closed_at - recent[0].opened_at).total_seconds()
        return sum(each.used for each in recent) / seconds if seconds > 0 else None
    cost = _cost(rounds)
    return 1 / cost if cost > 0 else None


def seconds_left(rounds: Sequence[ClosedRound], mini_batches: int, now: dt.datetime) -> float | None:
    """Until so many mini-batches are used, from what one took lately; None while that cannot be known."""
    known = len(rounds) >= _LEAST_ROUNDS and not _is_stalled(rounds, now)
    return mini_batches * _cost(rounds) if known else None


def about(seconds: float) -> str:
    """As exact as it deserves: "about 12 min"."""
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"about {_rounded(minutes)} min"
    if minutes < 48 * 60:
        return f"about {_rounded(minutes / 60)} h"
    return f"about {_rounded(minutes / 60 / 24)} days"


def _rounded(count: float) -> int:
    return round(count) if count < 20 else 5 * round(count / 5)


def _cost(rounds: Sequence[ClosedRound]) -> float:
    """Seconds a mini-batch. The mean of the middle half: neither a pause in one round nor a lucky one changes it."""
    costs = sorted(_seconds(each) / max(each.used, 1) for each in rounds[-_ESTIMATE_ROUNDS:])
    quarter = len(costs) // 4
    return statistics.fmean(costs[quarter : len(costs) - quarter])


def _seconds(each: ClosedRound) -> float:
    return max((each.closed_at - each.opened_at).total_seconds(), 0.0)


def _is_stalled(rounds: Sequence[ClosedRound], now: dt.datetime) -> bool:
    usual = round_seconds(rounds) or 0.0
    return (now - rounds[-1].closed_at).total_seconds() > _STALLED * max(usual, 6.0)
