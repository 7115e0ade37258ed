"""When to stop trying and call a person."""

import datetime as dt
from collections.abc import Iterable, Set
from typing import Protocol

from server.rules.states import ResultState

MAX_UNIT_FAILURES = 6
"""The same unit failed on hosts that many times: it is the model or the data, not the hosts."""

MAX_UNIT_LOSSES = 20
"""Hosts may vanish for reasons of their own, so more of that is borne."""

LOSSES_OF_ONE = 3
"""A host that has lost the same unit that many times has failed at it: let others try first."""

NON_FINITE_OPINIONS = 2
NON_FINITE_RESULTS = 3
"""Numbers that are not finite from that many accounts - or, where nobody else could be asked, from that many hosts or
in that many results of one round - mean that the model diverged. One account alone must not be able to say so."""


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


def nobody_else_could(failed: Set[int], awake: Set[int], trusted: Set[int]) -> bool:
    """Whether it is the unit, not who failed at it.

    failed: accounts whose machines did; awake, trusted: accounts with a machine that is awake and has the memory, and
    those of them that are believed.

    One volunteer's machines must not stop a stranger's project, nor fresh accounts, which cost nothing, where trusted
    ones are there to try.
    """
    if awake <= failed:
        return True
    return len(failed) >= NON_FINITE_OPINIONS and (not trusted or bool(failed & trusted))


def model_diverged(accounts: int, hosts: int, results: int, others_could_say: bool) -> bool:
    """Whether it is the model; `others_could_say`: a host of another account is awake and has the memory."""
    if accounts >= NON_FINITE_OPINIONS:
        return True
    return not others_could_say and (hosts >= NON_FINITE_OPINIONS or results >= NON_FINITE_RESULTS)
