"""Shards back to the files that people upload, row for row and a few megabytes at a time: for clones of a project."""

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import safe_open

from server.intake.bounds import BLOCK_BYTES
from server.rules.intake_values import Gathered, GatherRequest

Shape = tuple[int, ...]


def gather(request: GatherRequest) -> Gathered:
    """Write each part's data (.npy, or .npz where there are several inputs) and labels into `request.out`."""
    out = Path(request.out)
    out.mkdir(parents=True, exist_ok=True)
    files = _part(request.training, out, "data", "labels")
    if request.validation:
        files |= _part(request.validation, out, "validation_data", "validation_labels")
    return Gathered(files)


def _part(shards: Sequence[str], out: Path, data: str, labels: str) -> dict[str, str]:
    paths = [Path(shard) for shard in shards]
    arrays = {name: _Rows(paths, name) for name in _names(paths[0])}
    y = arrays.pop("y")
    inputs = {name.removeprefix("x/"): rows for name, rows in arrays.items()}
    files = {data: out / f"{data}.npz" if len(inputs) > 1 else out / f"{data}.npy", labels: out / f"{labels}.npy"}
    with files[data].open("wb") as file:
        if len(inputs) > 1:
            with zipfile.ZipFile(file, "w") as archive:
                for name, rows in inputs.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        rows.write(member)
        else:
            next(iter(inputs.values())).write(file)
        _sync(file)
    with files[labels].open("wb") as file:
        y.write(file)
        _sync(file)
    return {field: str(path) for field, path in files.items()}


class _Rows:
    """One tensor of all shards, one below the other."""

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        self._paths = paths
        self._name = name

    def write(self, file: IO[bytes]) -> None:
        """As a .npy."""
        with safe_open(self._paths[0], "np") as shard:
            # No rows have the dtype of all rows.
            first: Any = shard.get_slice(self._name)
            dtype, row = first[0:1].dtype, tuple(first.get_shape()[1:])
        rows = sum(self._count(path) for path in self._paths)
        header = {"descr": dtype.str, "fortran_order": False, "shape": (rows, *row)}
        np.lib.format.write_array_header_1_0(file, header)
        for block in self._blocks(max(1, BLOCK_BYTES // max(1, int(np.prod(row, dtype=np.int64)) * dtype.itemsize))):
            file.write(np.ascontiguousarray(block).data)

    def _count(self, path: Path) -> int:
        with safe_open(path, "np") as shard:
            return int(shard.get_slice(self._name).get_shape()[0])

    def _blocks(self, step: int) -> Iterator[Any]:
        for path in self._paths:
            with safe_open(path, "np") as shard:
                rows: Any = shard.get_slice(self._name)
                count = int(rows.get_shape()[0])
                for start in range(0, count, step):
                    yield rows[start : min(start + step, count)]


def _names(path: Path) -> list[str]:
    with safe_open(path, "np") as shard:
        return sorted(shard.keys())


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
