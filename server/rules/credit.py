"""What work is worth. Amounts are whole thousandths of a credit, so that sums are exact in any order."""

import math
from collections.abc import Iterable

from server.rules.sizing import FORWARD_AND_BACKWARD

OPERATIONS_A_CREDIT = 10**9
"""Floating-point operations. A unit of ten seconds on a common machine brings some hundreds of credits."""

THOUSANDTHS = 1000
"""In one credit."""

_OPERATIONS_A_THOUSANDTH = OPERATIONS_A_CREDIT // THOUSANDTHS
FLOATING_OPERATIONS = 2 * FORWARD_AND_BACKWARD
"""For each multiply-add of the forward pass: it is two, and the backward pass comes to it."""

_SURPLUS_DIVISOR = 4
_SURPLUS_UNITS = 10
LATELY_DAYS = 7
"""How far back a host's grants raise what it may be granted as surplus, today included."""

HALF_LIFE_DAYS = 7.0
"""Of the recent average: BOINC's (`CREDIT_HALF_LIFE` of lib/util.h), which statistics sites expect."""


def amount_of(operations: int, mini_batches: int) -> int:
    """Thousandths for mini-batches of `operations` multiply-adds forward each: the same for every host of a unit."""
    return max(FLOATING_OPERATIONS * operations * mini_batches // _OPERATIONS_A_THOUSANDTH, 1)


def in_credits(thousandths: int) -> float:
    """For people and other programs; nothing is ever added up in this form."""
    return thousandths / THOUSANDTHS


def surplus_cap(granted_lately: int, of_one_unit: int) -> int:
    """Thousandths of surplus that a host may be granted in a day: a quarter of what it was granted in the last
    LATELY_DAYS days, so that who only does what nobody needs earns little, and ten units' worth, so that a newcomer who
    is slower than the others is not punished for it."""
    return max(granted_lately, 0) // _SURPLUS_DIVISOR + _SURPLUS_UNITS * of_one_unit


def recent_average(entries: Iterable[tuple[float, int]]) -> float:
    """Credits (not thousandths) a day, from (age in days, thousandths): each counts half as much a half-life later.

    The continuous form of BOINC's `update_average` (lib/util.cpp): a host that earns the same every day comes to that.
    """
    rate = math.log(2) / HALF_LIFE_DAYS
    return max(sum(rate * amount * math.exp(-rate * max(age, 0.0)) for age, amount in entries) / THOUSANDTHS, 0.0)
