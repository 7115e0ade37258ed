"""Which host may give another opinion on a unit. Values in, values out; knows nothing of rows."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import NamedTuple

HARDLY_PATIENT = dt.timedelta(seconds=60)
"""So long a check may wait for a round to have all that it needs, and an unproven host's unit for a trusted host."""


class Giver(NamedTuple):
    """A host that could compute a unit."""

    host: int
    account: int
    trusted: bool
    referee: bool
    numeric_class: str


class Given(NamedTuple):
    """An opinion that a unit has, or that somebody computes: whose it is, and how its host computes ("" is any way)."""

    host: int
    account: int
    trusted: bool
    numeric_class: str


def may_give(giver: Giver, given: Collection[Given], homogeneous: bool) -> bool:
    """Never two opinions of one account, nor two of one referee; of one numeric class where the project needs that."""
    if homogeneous and any(one.numeric_class not in ("", giver.numeric_class) for one in given):
        return False
    if giver.referee:
        return all(one.host != giver.host for one in given)
    return all(one.account != giver.account for one in given)


def somebody_may_give(awake: Iterable[Giver], given: Collection[Given], homogeneous: bool) -> bool:
    """Whether anybody who is awake could give another opinion."""
    return any(may_give(giver, given, homogeneous) for giver in awake)


def leaves_it_to_others(
    giver: Giver, given: Collection[Given], awake: Iterable[Giver], homogeneous: bool, age: dt.timedelta
) -> bool:
    """What a host without trust says is worth little, of another such host's work or of a trusted one's: a trusted one
    goes first, where one is awake. An accomplice that idles would have most checks of a liar else."""
    if giver.trusted or age > HARDLY_PATIENT:
        return False
    return any(other.trusted and may_give(other, given, homogeneous) for other in awake)
