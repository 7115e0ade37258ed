"""Views into a safetensors file without reading it.

Large tensors stay on disk until a block of them is wanted.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volunteer.protocol.tensors import MAX_HEADER, MalformedTensors

_DTYPES = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "U16": np.uint16,
    "I16": np.int16,
    "U32": np.uint32,
    "I32": np.int32,
    "U64": np.uint64,
    "I64": np.int64,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read-only views into a safetensors file, without reading it. Raises MalformedTensors, OSError."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(MAX_HEADER, size - 8):
                raise MalformedTensors("the header does not fit")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        return {name: _map_one(path, 8 + length, size, entry) for name, entry in header.items()}
    except (struct.error, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise MalformedTensors(f"not a safetensors file: {error}") from None


def _map_one(path: Path, start: int, size: int, entry: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    shape = tuple(int(length) for length in entry["shape"])
    first, end = entry["data_offsets"]
    count = int(np.prod(shape, dtype=object))
    if min(shape, default=0) < 0 or first < 0 or end - first != count * dtype.itemsize or start + end > size:
        raise ValueError("a tensor reaches beyond the file")
    if count == 0:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", offset=start + first, shape=shape)
