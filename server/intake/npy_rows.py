"""A .npy file written row by row, block by block, where only the final shape is known beforehand."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from server.intake import bounds, space
from server.intake.blocks import Array
from server.intake.npy import UnusableArray
from server.rules.intake_values import ArrayFile


class NpyRows:
    """Used with `with`; `add` takes blocks of rows in order, and the end requires that all came."""

    def __init__(self, path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
        self._path = path
        self._dtype = np.dtype(dtype)
        self._shape = shape
        self._rows = 0
        size = int(np.prod(shape, dtype=object)) * self._dtype.itemsize
        if size > bounds.UNPACKED_BYTES:
            raise UnusableArray(f"takes {size:,} bytes as numbers; at most {bounds.UNPACKED_BYTES:,} are accepted")
        space.take(path.parent, size)
        self._file = path.open("wb")
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def add(self, block: Array) -> None:
        self._rows += len(block)
        self._file.write(np.ascontiguousarray(block, self._dtype).data)

    def array(self, name: str) -> ArrayFile:
        """What was written; its rows keep the shape that they were written in."""
        return ArrayFile(name, str(self._path), self._dtype.str, self._shape, self._shape[1:])

    def __enter__(self) -> "NpyRows":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                if self._rows != self._shape[0]:
                    raise UnusableArray("changed while it was read")
                self._file.flush()
                os.fsync(self._file.fileno())
