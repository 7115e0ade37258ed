"""Parquet files, streamed in batches by pyarrow: never a whole column in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server.intake import bounds
from server.intake.npy import UnusableArray
from server.intake.tables import OTHER, TEXT, Column, Table, looked_through, require_rows, type_of

_METADATA_BYTES = 64 * bounds.MIB
_BATCH_ROWS = 16_384


class ParquetTable:
    """An opened file. Columns of texts stay numbered by their dictionary where the file has one."""

    kind = "parquet"

    def __init__(self, path: Path, texts: list[str]) -> None:
        self._path = path
        self._texts = texts
        with _opened(path, texts) as file:
            schema = file.schema_arrow
            self.rows: int = file.metadata.num_rows
        # What pandas writes beside the columns when rows have names of their own is no column of people's.
        kept = [field for field in schema if not field.name.startswith("__index_level_")]
        self.names: list[str] = [field.name for field in kept]
        self.types: list[Any] = [field.type for field in kept]

    def batches(self, names: list[str] | None = None) -> Iterator[Any]:
        """Raises UnusableArray for a damaged file."""
        import pyarrow as pa

        wanted = names or self.names
        rows = max(1, min(_BATCH_ROWS, bounds.BLOCK_BYTES // (8 * len(wanted))))
        with _opened(self._path, self._texts) as file:
            try:
                for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
                    # In the order asked, and without dictionaries: what is small stays small block by block.
                    yield pa.record_batch([_plain(batch.column(name)) for name in wanted], names=wanted)
            except pa.ArrowMemoryError:
                raise MemoryError from None
            except (pa.ArrowException, OSError, ValueError) as error:
                _require_ours(error)
                raise UnusableArray(f"is a damaged Parquet file ({str(error)[:120]})") from None


def open_parquet(path: Path, labels: frozenset[str]) -> Table:
    """Look through the file once. Raises UnusableArray."""
    first = ParquetTable(path, [])
    _require_usable(first)
    texts = [name for name, kind in zip(first.names, first.types, strict=True) if type_of(kind) == TEXT]
    columns = [Column(name) for name in first.names]
    for column, kind in zip(columns, first.types, strict=True):
        column.type = type_of(kind)
        column.said = str(kind)[:80] if column.type == OTHER else ""
    return looked_through(ParquetTable(path, texts), columns, labels)


def _opened(path: Path, texts: list[str]) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(
            str(path), memory_map=False, pre_buffer=False, buffer_size=bounds.MIB, read_dictionary=texts,
            thrift_string_size_limit=_METADATA_BYTES, thrift_container_size_limit=1_000_000,
        )  # fmt: skip
    except pa.ArrowMemoryError:
        raise MemoryError from None
    except (pa.ArrowException, OSError, ValueError) as error:
        _require_ours(error)
        raise UnusableArray(f"is a damaged or encrypted Parquet file ({str(error)[:120]})") from None


def _require_ours(error: Exception) -> None:
    """A disk that fails is no fault of the file: such errors have a number of the system's."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _require_usable(file: ParquetTable) -> None:
    if not file.names:
        raise UnusableArray("has no columns")
    if len(file.names) > bounds.COLUMNS:
        raise UnusableArray(f"has {len(file.names):,} columns; at most {bounds.COLUMNS:,} are accepted")
    if len(set(file.names)) < len(file.names):
        raise UnusableArray("has two columns of one name")
    if long := next((name for name in file.names if len(name) > bounds.CLASS_LETTERS), None):
        raise UnusableArray(f"has a column whose name is {len(long):,} letters long: “{long[:40]}…”")
    require_rows(file.rows, len(file.names))
    import pyarrow.types as types

    for name, kind in zip(file.names, file.types, strict=True):
        if types.is_nested(kind):
            raise UnusableArray(
                f"has a column “{name}” of nested values ({str(kind)[:60]}): give each number a column of its own, "
                "or save arrays as .npy"
            )


def _plain(column: Any) -> Any:
    import pyarrow.types as types

    if type_of(column.type) == TEXT:
        # What says that it is text need not be, and its dictionary may be too short.
        column.validate(full=True)
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column
