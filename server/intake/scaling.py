"""Numbers brought to a common scale: measured on the training data, applied to it and to the validation data."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from server.intake.blocks import Array, row_blocks
from server.intake.npy_rows import NpyRows
from server.intake.written_rows import shaped
from server.rules.intake_values import ArrayFile

_RECORDED = 4_096
"""More numbers than these are not kept one by one: one of all stands for them."""
_PICTURE = 64


@dataclass(frozen=True)
class Scale:
    """A number x becomes (x - subtract) / divide_by; arrays hold one number for each place of the last axis."""

    subtract: Array
    divide_by: Array

    def recorded(self) -> dict[str, Any]:
        return {"subtract": self.subtract.tolist(), "divide_by": self.divide_by.tolist()}

    def applied(self, array: ArrayFile, path: Path) -> ArrayFile:
        """The array as float32, in the shape that the model takes."""
        numbers = shaped(array)
        with NpyRows(path, np.float32, numbers.shape) as file:
            for _, block in row_blocks(numbers):
                file.add((block.astype(np.float64) - self.subtract) / self.divide_by)
        return msgspec.structs.replace(file.array(array.name), row_shape=array.row_shape)


def measured(array: ArrayFile, kind: str) -> Scale:
    """The scale of kind "unit" or "standard" for finite numbers."""
    numbers = shaped(array)
    if kind == "standard":
        return _standard(numbers)
    low, high = _extents(numbers)
    whole = _whole_range(numbers, float(low.min()), float(high.max()))
    if whole is not None:
        return Scale(np.asarray(0.0), np.asarray(whole))
    if numbers.ndim != 2 or low.size > _RECORDED:
        # Only the columns of a table have scales of their own.
        low, high = np.asarray(low.min()), np.asarray(high.max())
    return Scale(low, np.where(high > low, high - low, 1.0))


def looks_like_bytes(array: ArrayFile, low: float, high: float) -> bool:
    """Whether these are an image's pixels as cameras give them, 0 to 255."""
    return low >= 0 and 127 < high <= 255 and math.prod(array.row_shape) >= _PICTURE


def _whole_range(numbers: Array, low: float, high: float) -> float | None:
    """What numbers of this type go up to, where the type or their look says so."""
    if numbers.dtype == np.uint8 or (low >= 0 and 127 < high <= 255 and math.prod(numbers.shape[1:]) >= _PICTURE):
        return 255.0
    return 65535.0 if numbers.dtype == np.uint16 else None


def _extents(numbers: Array) -> tuple[Array, Array]:
    """(smallest, largest) of each place of the last axis."""
    last = numbers.shape[-1] if numbers.ndim > 1 else 1
    low, high = np.full(last, np.inf), np.full(last, -np.inf)
    for _, block in row_blocks(numbers):
        rows = block.reshape(-1, last)
        low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    return low, high


def _standard(numbers: Array) -> Scale:
    """Mean and standard deviation by Chan's way of joining blocks (Chan, Golub, LeVeque 1979), in float64."""
    last = numbers.shape[-1] if numbers.ndim > 1 and numbers.shape[-1] <= _RECORDED else 1
    count, mean, squares = 0, np.zeros(last), np.zeros(last)
    for _, block in row_blocks(numbers):
        rows = block.reshape(-1, last).astype(np.float64)
        here, centre = len(rows), rows.mean(axis=0)
        moved = centre - mean
        squares += ((rows - centre) ** 2).sum(axis=0) + moved**2 * (count * here / (count + here))
        mean += moved * (here / (count + here))
        count += here
    deviation = np.sqrt(squares / count)
    # A column that never changes stays what it is, but for rounding.
    return Scale(mean, np.where(deviation > 1e-9 * np.abs(mean), deviation, 1.0))
