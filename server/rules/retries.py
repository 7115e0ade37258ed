"""When to stop trying and call a person."""

import datetime as dt
from collections.abc import Iterable
from typing import Protocol

from server.rules.states import ResultState

MAX_UNIT_FAILURES = 6
"""The same unit failed on hosts that many times: it is the model or the data, not the hosts."""

MAX_UNIT_LOSSES = 20
"""Hosts may vanish for reasons of their own, so more of that is borne."""

NON_FINITE_HOSTS = 2
NON_FINITE_RESULTS = 3
"""That many hosts, or results of the only host, with numbers that are not finite in one round: the model diverged."""


class Ended(Protocol):
    """A result, as far as it matters here."""

    state: ResultState
    ended_at: dt.datetime | None


def losses_since(since: dt.datetime | None, results: Iterable[Ended]) -> int:
    """How many were lost since a person last said: go on."""
    lost = (result.ended_at for result in results if result.state is ResultState.lost)
    return sum(at is not None and (since is None or at >= since) for at in lost)


def unit_is_hopeless(failures: int, losses: int) -> bool:
    return failures >= MAX_UNIT_FAILURES or losses >= MAX_UNIT_LOSSES


def model_diverged(hosts: int, results: int) -> bool:
    return hosts >= NON_FINITE_HOSTS or results >= NON_FINITE_RESULTS
