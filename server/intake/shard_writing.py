"""Write one safetensors file from blocks, so that a shard never has to fit into memory."""

import json
import math
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from server.intake.blocks import Array

_NAMES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32",
    "int32": "I32", "uint64": "U64", "int64": "I64", "float16": "F16", "float32": "F32", "float64": "F64",
}  # fmt: skip


@dataclass(frozen=True)
class ShardColumn:
    """One tensor of the file: its rows come as blocks, in order, already of the right dtype."""

    name: str
    dtype: np.dtype[Any]
    row_shape: tuple[int, ...]
    blocks: Iterator[Array]


def write_shard(path: Path, rows: int, columns: Sequence[ShardColumn]) -> int:
    """Write and fsync the file; returns its size in bytes. Larger dtypes stand first, so all are aligned."""
    ordered = sorted(columns, key=lambda column: (-column.dtype.itemsize, column.name))
    header: dict[str, Any] = {}
    end = 0
    for column in ordered:
        start, end = end, end + rows * math.prod(column.row_shape) * column.dtype.itemsize
        header[column.name] = {
            "dtype": _NAMES[column.dtype.name],
            "shape": [rows, *column.row_shape],
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for column in ordered:
            for block in column.blocks:
                file.write(np.ascontiguousarray(block).data)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()
