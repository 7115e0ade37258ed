"""When a host's errors are more than its budget, and when they are not the host's but the project's."""

from collections.abc import Sequence

from server.rules.quorum import Agreement

RECENT = 20
"""The last verdicts by another opinion that a host is judged by: an error is forgotten after as many good ones."""

STRIKES = 2
"""Errors among them that put it out. One may be a flipped bit, or a pair of liars that outvoted it."""

DOUBTS = 5
"""So many verdicts among them that were no agreement put it out too. Honest machines are a little off almost never;
who always is, by a lie that is small or by other arithmetic, makes three others compute what it cannot add to."""

BUDGET = 0.05
LEAST_RECORD = 3
"""Over its whole life it may err in that share of its verdicts; from that many errors on the share is looked at."""

NEARLY_ALL = 0.8
FEWEST_VOLUNTEERS = 3
"""So large a part of so many volunteers' hosts does not lie at once: it is the model, or the server's own numbers."""


def must_quarantine(confirmed: int, refuted: int, recent: Sequence[Agreement]) -> bool:
    """confirmed, refuted: verdicts by other opinions, ever. recent: the latest of them, and the doubtful ones.

    Only the first RECENT of `recent` count, in any order.
    """
    latest = list(recent[:RECENT])
    if latest.count(Agreement.differ) >= STRIKES or len(latest) - latest.count(Agreement.agree) >= DOUBTS:
        return True
    return refuted >= LEAST_RECORD and refuted > BUDGET * (confirmed + refuted)


BY_RECORD = "Other computers computed the same work as this one and got"


def quarantine_sentence(confirmed: int, refuted: int, disagreed: int = 0) -> str:
    """For its owner: why, in numbers."""
    close = f" numbers close to them but not close enough {_times(disagreed)}," if disagreed else ""
    return (
        f"{BY_RECORD} other numbers {_times(refuted)},{close} and the same numbers {_times(confirmed)}. "
        "Faulty memory, overclocking, reduced precision or a changed program can cause that."
    )


def _times(number: int) -> str:
    if number == 0:
        return "never"
    return "once" if number == 1 else f"{number:,} times"


def project_is_to_blame(compared: int, refuted: int) -> bool:
    """Of the volunteers at work for it lately: how many had a result compared, and how many of those none right."""
    return compared >= FEWEST_VOLUNTEERS and refuted >= NEARLY_ALL * compared
