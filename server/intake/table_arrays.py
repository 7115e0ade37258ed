"""A table's columns written as plain .npy arrays, in one pass over its blocks."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from server.intake.blocks import Array
from server.intake.npy_rows import NpyRows
from server.intake.tables import BOOLEAN, TEXT, Column, Table, numbers_of
from server.rules.intake_values import ArrayFile

_PICTURE = 64
"""As many columns of whole numbers from 0 to 255 are an image's pixels."""


@dataclass(frozen=True)
class Wanted:
    """One array to be written: the columns side by side, or one column's values without a second dimension.

    `codes`: the values of a text column in the order in which they are numbered.
    """

    name: str
    columns: Sequence[Column]
    flat: bool = False
    codes: Sequence[str] | None = None


def write_arrays(table: Table, wanted: Sequence[Wanted], folder: Path, prefix: str) -> list[ArrayFile]:
    """The arrays, in the order asked. No column may lack a value."""
    needed = [column.name for one in wanted for column in one.columns]
    place = {name: number for number, name in enumerate(needed)}
    with ExitStack() as stack:
        files = []
        for number, one in enumerate(wanted):
            shape = (table.rows,) if one.flat else (table.rows, len(one.columns))
            path = folder / f"{prefix}-table-{number}.npy"
            files.append(stack.enter_context(NpyRows(path, _dtype(one), shape)))
        for batch in table.file.batches(needed):
            for one, file in zip(wanted, files, strict=True):
                file.add(_block(one, [batch.column(place[column.name]) for column in one.columns], batch.num_rows))
    return [file.array(one.name) for one, file in zip(wanted, files, strict=True)]


def _dtype(one: Wanted) -> np.dtype[Any]:
    """Whole numbers stay whole, as small as images are; all others become float32."""
    if one.codes is not None:
        return np.dtype(np.int32)
    if all(column.type == BOOLEAN for column in one.columns):
        return np.dtype(np.uint8)
    if not all(column.whole for column in one.columns):
        return np.dtype(np.float32)
    low, high = min(column.low for column in one.columns), max(column.high for column in one.columns)
    if low >= 0 and high <= 255 and len(one.columns) >= _PICTURE:
        return np.dtype(np.uint8)
    if low >= -(2**31) and high < 2**31:
        return np.dtype(np.int32)
    return np.dtype(np.int64) if max(-low, high) < 2**53 else np.dtype(np.float32)


def _block(one: Wanted, arrays: Sequence[Any], rows: int) -> Array:
    dtype = _dtype(one)
    if one.codes is not None:
        return _codes(arrays[0], one.codes)
    if one.flat:
        return numbers_of(arrays[0]).astype(dtype)
    block = np.empty((rows, len(arrays)), dtype)
    for number, array in enumerate(arrays):
        block[:, number] = numbers_of(array)
    return block


def _codes(array: Any, codes: Sequence[str]) -> Array:
    import pyarrow as pa
    import pyarrow.compute as compute

    return np.asarray(compute.index_in(array.cast(pa.string()), pa.array(codes, pa.string())).to_numpy(False))


def text_values(column: Column) -> list[str] | None:
    """The different texts of a column in order; None if there are too many, or if it holds no text."""
    return sorted(column.counts) if column.type == TEXT and column.counts is not None else None
