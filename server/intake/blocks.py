"""Walk through large arrays a few megabytes at a time, so that memory stays bounded whatever was uploaded."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.intake.bounds import BLOCK_BYTES

Array = NDArray[Any]


def rows_at_once(array: Array) -> int:
    """How many rows make a block of about BLOCK_BYTES (as the eight-byte numbers they may become)."""
    return max(1, BLOCK_BYTES // max(1, math.prod(array.shape[1:]) * max(array.dtype.itemsize, 8)))


def row_blocks(array: Array) -> Iterator[tuple[int, Array]]:
    """(number of the first row, rows) in order."""
    step = rows_at_once(array)
    for start in range(0, array.shape[0], step):
        yield start, array[start : start + step]


def write_npy(path: Path, array: Array) -> None:
    """Write in C order and native byte order, block by block."""
    header = {"descr": array.dtype.newbyteorder("=").str, "fortran_order": False, "shape": array.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _start, block in row_blocks(array):
            file.write(np.ascontiguousarray(block, array.dtype.newbyteorder("=")).data)
        file.flush()
        os.fsync(file.fileno())
