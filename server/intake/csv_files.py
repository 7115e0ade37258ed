"""CSV files, streamed in blocks by pyarrow's reader: never more than some blocks are in memory."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from server.intake import bounds
from server.intake.csv_dialect import Dialect, dialect_of, is_number, require_utf8
from server.intake.findings import counted
from server.intake.npy import UnusableArray
from server.intake.tables import (
    BOOLEAN,
    HEAD_COLUMNS,
    HEAD_ROWS,
    NUMBER,
    TEXT,
    Column,
    Table,
    looked_through,
    short,
)

_MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "None", "#N/A", "<NA>", "?"]
_TRUE, _FALSE = ["true", "True", "TRUE"], ["false", "False", "FALSE"]
_CONVERSION = re.compile(
    r"In CSV column #(\d+): (?:Row #(\d+): )?CSV conversion error to (\w+): (?:invalid value '(.*)')?", re.DOTALL
)
_MOST_RESTARTS = 8


class CsvFile:
    """`types` says how each column is read; what turns out to be otherwise raises Stray."""

    kind = "csv"

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._path = path
        self._dialect = dialect
        self.names = dialect.names
        # Rows may be shorter than the names, or longer: the reader will say so.
        columns = zip_longest(*(row[: len(self.names)] for row in [self.names, *dialect.sample]), fillvalue="")
        self.types: dict[str, str] = {name: _guess(texts) for name, *texts in columns}

    def batches(self, names: list[str] | None = None) -> Iterator[Any]:
        """Blocks of rows. Raises UnusableArray for ragged rows and bad text, Stray for a column of another type."""
        import pyarrow as pa
        from pyarrow import csv

        kinds = {NUMBER: pa.float64(), BOOLEAN: pa.bool_(), TEXT: pa.string()}
        ragged: list[Any] = []

        def note(row: Any) -> str:
            ragged.append(row)
            return "error"

        try:
            yield from csv.open_csv(
                str(self._path),
                read_options=csv.ReadOptions(
                    use_threads=False, block_size=bounds.TABLE_BLOCK_BYTES, column_names=self.names,
                    skip_rows_after_names=int(self._dialect.header),
                ),
                parse_options=csv.ParseOptions(delimiter=self._dialect.delimiter, invalid_row_handler=note),
                convert_options=csv.ConvertOptions(
                    column_types={name: kinds[self.types[name]] for name in self.names},
                    include_columns=names or self.names, strings_can_be_null=True, null_values=_MISSING,
                    true_values=_TRUE, false_values=_FALSE,
                ),
            )  # fmt: skip
        except pa.ArrowInvalid as error:
            raise self._translated(str(error), ragged, names or self.names) from None

    def row_of(self, number: int) -> int:
        """The row, counted from 0, that pyarrow calls `number`."""
        return max(0, number - 1 - int(self._dialect.header))

    def _translated(self, text: str, ragged: list[Any], names: list[str]) -> Exception:
        if ragged:
            row = ragged[0]
            where = f"row {self.row_of(row.number):,}" if row.number is not None else "a row"
            return UnusableArray(
                f"has {counted(row.actual_columns, 'value')} in {where}, where {row.expected_columns:,} are expected "
                "(the first row is row 0)"
            )
        if (match := _CONVERSION.search(text)) is not None:
            if match[4] is None or "UTF8" in text:
                require_utf8(self._path)
                return UnusableArray("holds text that is not UTF-8")
            row = self.row_of(int(match[2])) if match[2] else 0
            return Stray(names[int(match[1])], row, match[4])
        if "straddling" in text:
            most = f"{bounds.TABLE_BLOCK_BYTES:,} bytes"
            return UnusableArray(f"has a row of more than {most}, or a quotation mark too many")
        if "out of sync" in text:
            return UnusableArray("has a value with a line break in it, or a quotation mark too many")
        if "Empty CSV" in text:
            return UnusableArray("is empty")
        return UnusableArray(f"is not CSV that can be read ({text[:120]})")


class Stray(Exception):
    """A column that is read as numbers holds something else."""

    def __init__(self, name: str, row: int, text: str) -> None:
        super().__init__(name)
        self.name, self.row, self.text = name, row, text


def open_csv(path: Path, labels: frozenset[str]) -> Table:
    """Look through a CSV once; where a column is not what its first rows promised, once more. Raises UnusableArray."""
    dialect = dialect_of(path)
    if not dialect.sample:
        raise UnusableArray("has no rows")
    file = CsvFile(path, dialect)
    texts = [name for name, kind in file.types.items() if kind == TEXT]
    if len(texts) > bounds.TEXT_COLUMNS:
        raise UnusableArray(
            f"has {len(texts):,} columns of text, such as “{texts[0]}” and “{texts[-1]}”; the model takes numbers"
        )
    try:
        table = _table(file, {}, labels)
    except Stray as stray:
        raise UnusableArray(
            f"holds “{stray.text[:40]}” in row {stray.row:,} of the column “{stray.name}”, and text among the numbers "
            "of many other columns"
        ) from None
    if not dialect.header:
        table.remarks.append("has no line of column names, so the columns are called “column 1”, “column 2”, ...")
    table.head = [[short(text) for text in row[:HEAD_COLUMNS]] for row in dialect.sample[:HEAD_ROWS]]
    return table


def _table(file: CsvFile, strays: dict[str, tuple[int, str]], labels: frozenset[str]) -> Table:
    for attempt in range(_MOST_RESTARTS + 1):
        columns = [Column(name, stray=strays.get(name)) for name in file.names]
        try:
            return looked_through(file, columns, labels)
        except Stray as stray:
            if attempt == _MOST_RESTARTS:
                raise
            strays.setdefault(stray.name, (stray.row, stray.text))
            file.types[stray.name] = TEXT
    raise AssertionError("the last attempt returns or raises")


def _guess(texts: list[str]) -> str:
    """How to read a column that begins with these; numbers are what most columns are, and a stray text says so."""
    texts = [text.strip() for text in texts if text.strip() not in _MISSING]
    if texts and all(text in _TRUE or text in _FALSE for text in texts):
        return BOOLEAN
    # One stray text among numbers is a mistake worth naming, and is found as such in the pass over all rows.
    return NUMBER if sum(map(is_number, texts)) * 2 >= len(texts) else TEXT
