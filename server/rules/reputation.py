"""When a host's errors are more than its budget, and when they are not the host's but the project's."""

from collections.abc import Sequence

RECENT = 20
"""The last verdicts by another opinion that a host is judged by: an error is forgotten after as many good ones."""

STRIKES = 2
"""Errors among them that put it out. One may be a flipped bit, or a pair of liars that outvoted it."""

BUDGET = 0.05
LEAST_RECORD = 3
"""Over its whole life it may err in that share of its verdicts; from that many errors on the share is looked at."""

NEARLY_ALL = 0.8
FEWEST_HOSTS = 3
"""So large a part of so many hosts does not lie at once: it is the model, or the server's own numbers."""


def must_quarantine(confirmed: int, refuted: int, recent: Sequence[bool]) -> bool:
    """confirmed, refuted: verdicts by other opinions, ever. recent: the latest of them, True where it was refuted.

    Only the last RECENT of `recent` count, in any order.
    """
    if sum(recent[-RECENT:]) >= STRIKES:
        return True
    return refuted >= LEAST_RECORD and refuted > BUDGET * (confirmed + refuted)


def quarantine_sentence(confirmed: int, refuted: int) -> str:
    """For its owner: why, in numbers."""
    times = "once" if refuted == 1 else f"{refuted} times"
    return (
        f"Other computers computed the same work as this one and got other numbers {times}, and the same numbers "
        f"{confirmed} times. Faulty memory, overclocking or a changed program can cause that."
    )


def project_is_to_blame(hosts_compared: int, hosts_refuted: int) -> bool:
    """Of a project's hosts, lately: how many had a result compared, and how many of those were refuted."""
    return hosts_compared >= FEWEST_HOSTS and hosts_refuted >= NEARLY_ALL * hosts_compared
