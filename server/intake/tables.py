"""Tables (CSV, Parquet): what each column holds, found out in one pass over blocks of rows. Knows no file format."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from server.intake import bounds
from server.intake.npy import UnusableArray

HEAD_ROWS = 8
HEAD_COLUMNS = 64
HEAD_LETTERS = 40

NUMBER, BOOLEAN, TEXT, EMPTY, OTHER = "number", "boolean", "text", "empty", "other"


class TableFile(Protocol):
    """An opened table. Every block of `batches` is an Arrow record batch; text comes as strings."""

    kind: str
    names: list[str]

    def batches(self, names: list[str] | None = None) -> Iterator[Any]: ...


@dataclass
class Column:
    """What one column holds. `counts` are its different values, None when there are too many to be classes.

    Rows are counted from 0. `stray` is the first text in a column that began with numbers: (row, text).
    `some_text` is one of the texts of a column of texts.
    """

    name: str
    type: str = EMPTY
    whole: bool = True
    missing: int = 0
    first_missing: int | None = None
    infinite: int | None = None
    low: float = np.inf
    high: float = -np.inf
    counts: dict[Any, int] | None = field(default_factory=dict)
    stray: tuple[int, str] | None = None
    some_text: str = ""
    said: str = ""

    @property
    def shown_type(self) -> str:
        return "integer" if self.type == NUMBER and self.whole else self.said or self.type


@dataclass
class Table:
    """A table that was looked through once: its file, its columns in order, its rows and its first rows as text."""

    file: TableFile
    columns: list[Column]
    rows: int
    head: list[list[str]]
    remarks: list[str] = field(default_factory=list)

    def column(self, name: str) -> Column | None:
        """By its name, which forms give back without the spaces around it."""
        named = (column for column in self.columns if name in (column.name, column.name.strip()))
        return next(named, None)


def looked_through(file: TableFile, columns: list[Column], labels: frozenset[str]) -> Table:
    """Read every row once. `labels` may have many more different values than others before they are given up.

    Raises UnusableArray for a table that is too long, or empty.
    """
    rows = 0
    head: list[list[str]] = []
    for batch in file.batches():
        if rows == 0:
            head = first_rows(batch)
        for column, array in zip(columns, batch.columns, strict=True):
            most = bounds.CLASSES if column.name.strip() in labels else bounds.SHOWN_CLASSES
            _add(column, array, rows, most)
        rows += batch.num_rows
        require_rows(rows, len(columns))
    if rows == 0:
        raise UnusableArray("has no rows")
    return Table(file, columns, rows, head)


def require_rows(rows: int, columns: int) -> None:
    """Raises UnusableArray for a table that is too long."""
    if rows > bounds.ROWS:
        raise UnusableArray(f"has more than {bounds.ROWS:,} rows, which is the most")
    if rows * columns > bounds.TABLE_CELLS:
        raise UnusableArray(f"has more than {bounds.TABLE_CELLS:,} values in {columns:,} columns, which is the most")


def first_rows(batch: Any) -> list[list[str]]:
    """Some rows as short texts."""
    part = batch.slice(0, HEAD_ROWS)
    texts = [[short(value) for value in column.to_pylist()] for column in part.columns[:HEAD_COLUMNS]]
    return [list(row) for row in zip(*texts, strict=True)]


def short(value: Any) -> str:
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= HEAD_LETTERS else text[: HEAD_LETTERS - 1] + "…"


def type_of(arrow_type: Any) -> str:
    """NUMBER, BOOLEAN, TEXT, EMPTY or OTHER for an Arrow type."""
    import pyarrow.types as types

    if types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    if types.is_boolean(arrow_type):
        return BOOLEAN
    if types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_decimal(arrow_type):
        return NUMBER
    if types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        return TEXT
    return EMPTY if types.is_null(arrow_type) else OTHER


def numbers_of(array: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A block of numbers or booleans as float64; what is missing is NaN."""
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    if not types.is_float64(array.type):
        array = array.cast(pa.float64(), safe=False)
    numbers: np.ndarray[Any, np.dtype[np.float64]] = array.to_numpy(zero_copy_only=False)
    return numbers


def _add(column: Column, array: Any, start: int, most: int) -> None:
    column.type = type_of(array.type)
    if column.type in (NUMBER, BOOLEAN):
        _add_numbers(column, numbers_of(array), start, most)
        return
    if array.null_count:
        _note_missing(column, np.asarray(array.is_null()), start)
    if column.type == TEXT:
        _add_texts(column, array, most)
    else:
        column.counts = None


def _note_missing(column: Column, missing: Any, start: int) -> None:
    if column.first_missing is None:
        column.first_missing = start + int(np.argmax(missing))
    column.missing += int(missing.sum())


def _add_numbers(column: Column, numbers: Any, start: int, most: int) -> None:
    missing = np.isnan(numbers)
    if missing.any():
        _note_missing(column, missing, start)
        present = numbers[~missing]
    else:
        present = numbers
    if not len(present):
        return
    low, high = float(present.min()), float(present.max())
    if (np.isinf(low) or np.isinf(high)) and column.infinite is None:
        column.infinite = start + int(np.argmax(np.isinf(numbers)))
    column.low, column.high = min(column.low, low), max(column.high, high)
    column.whole = column.whole and bool((present == np.trunc(present)).all())
    if column.counts is None:
        return
    if not column.whole:
        column.counts = None
        return
    values, counts = np.unique(present, return_counts=True)
    _count(column, zip((int(v) if np.isfinite(v) else 0 for v in values), counts.tolist(), strict=True), most)


def _add_texts(column: Column, array: Any, most: int) -> None:
    import pyarrow.compute as compute

    if not column.some_text and array.null_count < len(array):
        column.some_text = str(array.drop_null()[0])
    if column.counts is None:
        return
    found = compute.value_counts(array.drop_null())
    values = found.field("values")
    if len(values) > most:
        column.counts = None
        return
    texts = [str(value) for value in values.to_pylist()]
    if any(len(text) > bounds.CLASS_LETTERS for text in texts):
        column.counts = None
        return
    _count(column, zip(texts, found.field("counts").to_pylist(), strict=True), most)


def _count(column: Column, found: Any, most: int) -> None:
    assert column.counts is not None
    for value, count in found:
        column.counts[value] = column.counts.get(value, 0) + count
    if len(column.counts) > most:
        column.counts = None
