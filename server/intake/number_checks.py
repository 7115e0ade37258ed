"""Look at every number of an array, block by block: is it finite, whole, within a range; if not, where?"""

from dataclasses import dataclass

import numpy as np

from server.intake.blocks import Array, row_blocks

_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Fault:
    """The first number that will not do: its row, what it is, and the end of a sentence about it."""

    row: int
    text: str


def first_not_finite(array: Array) -> Fault | None:
    """NaN, infinite, or beyond what float32 can hold. Arrays of whole numbers pass unread."""
    if array.dtype.kind != "f":
        return None
    for start, block in row_blocks(array):
        bad = ~np.isfinite(block)
        if block.dtype.itemsize > 4:
            with np.errstate(invalid="ignore"):
                bad |= np.abs(block) > _FLOAT32_MAX
        if bad.any():
            row, value = _first(block, bad)
            kind = (
                "NaN"
                if np.isnan(value)
                else "an infinite number"
                if np.isinf(value)
                else f"{value:g}, too large for float32,"
            )
            return Fault(start + row, kind)
    return None


def first_not_whole(array: Array) -> Fault | None:
    """A number with a fraction; `array` is finite."""
    if array.dtype.kind != "f":
        return None
    for start, block in row_blocks(array):
        bad = block != np.trunc(block)
        if bad.any():
            row, value = _first(block, bad)
            return Fault(start + row, f"{value:g}")
    return None


def first_outside(array: Array, low: float, high: float) -> Fault | None:
    """A number below `low` or above `high`; `array` is finite."""
    for start, block in row_blocks(array):
        bad = (block < low) | (block > high)
        if bad.any():
            row, value = _first(block, bad)
            return Fault(start + row, f"{value:g}" if isinstance(value, np.floating) else str(value))
    return None


def extent(array: Array) -> tuple[float, float]:
    """(smallest, largest) number of a finite array that is not empty."""
    lows, highs = zip(*((block.min(), block.max()) for _, block in row_blocks(array)), strict=True)
    return min(lows).item(), max(highs).item()


def _first(block: Array, bad: Array) -> tuple[int, np.generic]:
    place = np.unravel_index(int(np.argmax(bad)), bad.shape)
    return int(place[0]), block[place]
