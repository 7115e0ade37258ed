"""How a CSV is written: its delimiter, whether its first line names the columns. Looks at the first lines only."""

import codecs
import csv
from dataclasses import dataclass
from pathlib import Path

from server.intake import bounds
from server.intake.npy import UnusableArray

DELIMITERS = (",", ";", "\t")
_LINES = 400
_BYTES = 2 * bounds.MIB
_ALIKE = 20
_NOT_TEXT = "is neither .npy, .npz, Parquet, a zip of images nor CSV text in UTF-8"


@dataclass(frozen=True)
class Dialect:
    """`header`: the first line names the columns; without it they are called "column 1", "column 2", ...

    `sample` are the first rows, as texts.
    """

    delimiter: str
    names: list[str]
    header: bool
    sample: list[list[str]]


def dialect_of(path: Path) -> Dialect:
    """Raises UnusableArray for what is no text, or has too many or nameless or doubled columns."""
    lines = _first_lines(path)
    delimiter, rows = max(((mark, _rows(lines, mark)) for mark in DELIMITERS), key=lambda pair: _likelihood(pair[1]))
    first = rows[0]
    if len(first) > bounds.COLUMNS:
        raise UnusableArray(f"has {len(first):,} columns; at most {bounds.COLUMNS:,} are accepted")
    header = _names_columns(first, rows[1:])
    numbered = [f"column {number}" for number in range(1, len(first) + 1)]
    names = [text.strip() or number for text, number in zip(first, numbered, strict=True)] if header else numbered
    _require_usable(names)
    return Dialect(delimiter, names, header, rows[int(header) :])


def require_utf8(path: Path) -> None:
    """Raises UnusableArray, naming the line, where the file is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with path.open("rb") as file:
        while block := file.read(bounds.MIB):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                raise UnusableArray(f"is not UTF-8 in line {line:,}: save it as CSV in UTF-8") from None
            line += block.count(b"\n")


def _first_lines(path: Path) -> list[str]:
    lines: list[str] = []
    with path.open("rb") as file:
        while len(lines) < _LINES and file.tell() < _BYTES and (line := file.readline(bounds.TABLE_LINE_BYTES)):
            if len(line) >= bounds.TABLE_LINE_BYTES:
                raise UnusableArray(f"has a line of more than {bounds.TABLE_LINE_BYTES:,} bytes; {_NOT_TEXT}")
            try:
                text = line.decode("utf-8-sig" if not lines else "utf-8")
            except UnicodeDecodeError:
                raise UnusableArray(f"{_NOT_TEXT} (line {len(lines) + 1} is not UTF-8)") from None
            if any(letter < " " and letter not in "\t\r\n" for letter in text):
                raise UnusableArray(_NOT_TEXT)
            if text.strip():
                lines.append(text)
    if not lines:
        raise UnusableArray("holds only empty lines")
    return lines


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    csv.field_size_limit(bounds.TABLE_LINE_BYTES)
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return [[line] for line in lines]


def _likelihood(rows: list[list[str]]) -> tuple[bool, int]:
    """Lines of one length come first, then more columns."""
    lengths = {len(row) for row in rows[:_ALIKE]}
    return len(lengths) == 1 and lengths != {1}, len(rows[0])


def _names_columns(first: list[str], rows: list[list[str]]) -> bool:
    second = rows[0] if rows else []
    if [text.strip() for text in first] == [str(number) for number in range(len(first))]:
        return True
    if not any(is_number(text) for text in first):
        return not _are_values(first, rows)
    return len(first) == len(second) and any(
        not is_number(above) and above.strip() and is_number(below)
        for above, below in zip(first, second, strict=True)
    )


def _are_values(first: list[str], rows: list[list[str]]) -> bool:
    """Whether all that the first line says is said again below: names are not repeated among the values."""
    return all(any(row[place : place + 1] == [text] for row in rows) for place, text in enumerate(first))


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _require_usable(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if len(name) > bounds.CLASS_LETTERS:
            raise UnusableArray(f"has a column whose name is {len(name):,} letters long: “{name[:40]}…”")
        if name in seen:
            raise UnusableArray(f"has two columns called “{name[:80]}”")
        seen.add(name)
