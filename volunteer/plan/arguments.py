"""Checks for one argument of a layer, loss, metric or optimizer: a value in, the permitted value out.

A check raises Unfit with the words that complete "must be ..."; who calls it adds whose argument it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from volunteer.plan.bounds import DEFAULT

Check = Callable[[Any], Any]

SEED_LIMIT = 2**63


class Unfit(ValueError):
    """A value that is not permitted; the text says what would be."""


def show(value: Any) -> str:
    """A short, printable form of anything that came out of a file."""
    if isinstance(value, dict):
        inner = value.get("class_name")
        return f"an object of class {show(inner)}" if isinstance(inner, str) else "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if len(value) > 8 else "[" + ", ".join(show(v) for v in value) + "]"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def integer(low: int = 1, high: int = DEFAULT.dimension) -> Check:
    """A whole number from low to high."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise Unfit(f"a whole number, not {show(value)}")
        if not low <= value <= high:
            raise Unfit(f"a whole number from {low:,} to {high:,}, not {show(value)}")
        return int(value)

    return check


def number(low: float = -1e9, high: float = 1e9) -> Check:
    """A finite number from low to high, given back as float."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unfit(f"a number, not {show(value)}")
        if abs(value) > 1e300 or not math.isfinite(value) or not low <= value <= high:
            raise Unfit(f"a number from {low:g} to {high:g}, not {show(value)}")
        return float(value)

    return check


def flag(value: Any) -> bool:
    """True or False; 0 and 1 as old files write them."""
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    raise Unfit(f"true or false, not {show(value)}")


def choice(*allowed: Any) -> Check:
    """One of a few values."""

    def check(value: Any) -> Any:
        for candidate in allowed:
            if type(candidate) is type(value) and candidate == value:
                return candidate
        raise Unfit(" or ".join(show(candidate) for candidate in allowed) + f", not {show(value)}")

    return check


def text(high: int = 128) -> Check:
    """A printable string of at most `high` characters."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not value.isprintable():
            raise Unfit(f"a plain text, not {show(value)}")
        if not 0 < len(value) <= high:
            raise Unfit(f"a text of 1 to {high} characters, not {len(value):,}")
        return value

    return check


def optional(inner: Check) -> Check:
    """None, or what `inner` permits."""

    def check(value: Any) -> Any:
        return None if value is None else inner(value)

    return check


def either(*checks: Check) -> Check:
    """The first check that permits the value decides; the last one's words are given otherwise."""

    def check(value: Any) -> Any:
        for inner in checks[:-1]:
            try:
                return inner(value)
            except Unfit:
                continue
        return checks[-1](value)

    return check


def several(inner: Check, least: int = 1, most: int = 8) -> Check:
    """A list of least to most values."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise Unfit(f"a list, not {show(value)}")
        if not least <= len(value) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise Unfit(f"a list of {wanted} values, not of {len(value)}")
        return [inner(item) for item in value]

    return check


def each_axis(rank: int, inner: Check | None = None) -> Check:
    """One value for each of `rank` axes; a single value stands for all of them."""
    one = inner or integer()
    many = several(one, rank, rank)

    def check(value: Any) -> list[Any]:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return list(many(value))
        return [one(value)] * rank

    return check


def pairs(rank: int) -> Check:
    """Amounts before and after each of `rank` axes, as padding and cropping take them; one pair for one."""
    amount = integer(0)
    pair = several(amount, 2, 2)

    def check(value: Any) -> list[Any]:
        if isinstance(value, list | tuple):
            if rank == 1:
                return list(pair(value[0] if len(value) == 1 else value))
            items = several(lambda item: item, rank, rank)(value)
            return [
                list(pair(item)) if isinstance(item, list | tuple) else [amount(item)] * 2 for item in items
            ]
        both = [amount(value)] * 2
        return both if rank == 1 else [both] * rank

    return check
