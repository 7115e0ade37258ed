""".npy files: the header is read as text within bounds, the numbers are only ever mapped, never unpickled."""

import ast
import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from server.intake.bounds import ARRAY_RANK, NPY_HEADER_BYTES

MAGIC = b"\x93NUMPY"
_DTYPE = re.compile(r"[<>|=]?([a-zA-Z?])(\d*)\Z")
_TEXT_BYTES = 4 * 1024
_TEXT = "holds text instead of numbers"
_NOT_NUMBERS = {
    "O": "holds Python objects instead of numbers (an 'object array'); convert it with .astype",
    "U": _TEXT,
    "S": _TEXT,
    "a": _TEXT,
    "V": "holds raw bytes instead of numbers",
    "M": "holds dates instead of numbers",
    "m": "holds time spans instead of numbers",
    "c": "holds complex numbers, which cannot be trained on",
}


class UnusableArray(ValueError):
    """The array cannot be used; the message continues a sentence that begins with the array's name."""


@dataclass(frozen=True)
class Header:
    """What a .npy says of itself, checked against its size. `start` is where the numbers begin."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int

    @property
    def data_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: BinaryIO, size: int, text: bool = False) -> Header:
    """The header of a .npy that is `size` bytes long in all; `text` allows short texts too. Raises UnusableArray."""
    first = stream.read(8)
    if not first.startswith(MAGIC) or len(first) < 8:
        raise UnusableArray("is not a .npy array")
    if first[6:8] not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise UnusableArray("is a .npy of an unknown version")
    width = 2 if first[6] == 1 else 4
    raw = stream.read(width)
    if len(raw) < width:
        raise UnusableArray("is cut short")
    (length,) = struct.unpack("<H" if width == 2 else "<I", raw)
    if length > NPY_HEADER_BYTES:
        raise UnusableArray(f"has a header of {length:,} bytes, which no plain array has")
    raw = stream.read(length)
    if len(raw) < length:
        raise UnusableArray("is cut short")
    dtype, shape, fortran = _parse(raw, text)
    header = Header(dtype, shape, fortran, 8 + width + length)
    if header.start + header.data_bytes != size:
        there = max(0, size - header.start)
        raise UnusableArray(
            f"should hold {header.data_bytes:,} bytes of numbers and holds {there:,}: it is damaged"
        )
    return header


def open_array(path: Path, text: bool = False) -> NDArray[Any]:
    """The numbers (with `text`, or texts) of a plain .npy, mapped read-only. Raises UnusableArray."""
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size, text)
    if header.data_bytes == 0:
        return np.zeros(header.shape, header.dtype)
    order: Literal["C", "F"] = "F" if header.fortran else "C"
    mapped: NDArray[Any] = np.memmap(path, header.dtype, "r", header.start, header.shape, order)
    return mapped


def _parse(raw: bytes, text: bool) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    try:
        fields = ast.literal_eval(raw.decode("latin-1").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UnusableArray("has a damaged header") from None
    if not isinstance(fields, dict) or set(fields) != {"descr", "fortran_order", "shape"}:
        raise UnusableArray("has a damaged header")
    descr, shape, fortran = fields["descr"], fields["shape"], fields["fortran_order"]
    if isinstance(descr, list):
        raise UnusableArray(
            "is a table with named columns (a 'structured array'); save plain numbers, one array"
        )
    if not isinstance(shape, tuple) or not all(
        type(length) is int and 0 <= length < 2**48 for length in shape
    ):
        raise UnusableArray("has a damaged header")
    if len(shape) > ARRAY_RANK:
        raise UnusableArray(f"has {len(shape)} dimensions; at most {ARRAY_RANK} are accepted")
    if not isinstance(descr, str) or type(fortran) is not bool:
        raise UnusableArray("has a damaged header")
    return _plain_dtype(descr, text), shape, fortran


def _plain_dtype(descr: str, text: bool) -> np.dtype[Any]:
    match = _DTYPE.match(descr)
    if match is None:
        raise UnusableArray("has a damaged header")
    if text and match[1] in "US" and match[2]:
        return _text_dtype(descr)
    if (reason := _NOT_NUMBERS.get(match[1])) is not None:
        raise UnusableArray(reason)
    try:
        dtype = np.dtype(descr)
    except TypeError:
        raise UnusableArray("has a damaged header") from None
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise UnusableArray(f"holds numbers of type {dtype}; save it as float32 or int32")
    return dtype


def _text_dtype(descr: str) -> np.dtype[Any]:
    try:
        dtype = np.dtype(descr)
    except (TypeError, ValueError):
        raise UnusableArray("has a damaged header") from None
    if not 0 < dtype.itemsize <= _TEXT_BYTES:
        raise UnusableArray("holds texts that are empty or too long to be labels")
    return dtype
