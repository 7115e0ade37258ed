"""Write a weights file of our own from arrays that were verified, block by block."""

from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from server.intake.bounds import BLOCK_BYTES
from server.intake.hdf5_attributes import write_names
from server.intake.hdf5_walk import Dataset
from server.intake.weights_layout import Layout
from volunteer.plan.refused import Refused

Block = tuple[tuple[slice, ...] | tuple[()], NDArray[Any]]


def write_clean(source: h5py.File, layout: Layout, target: h5py.File) -> None:
    """Every weight as float32 (whole numbers as they are) at its clean path. Raises Refused for NaN."""
    _write_groups(layout, target, renamed=True)
    for entry in layout.entries:
        dtype = _clean_dtype(entry.original)
        written = target.create_dataset(entry.clean, entry.original.shape, dtype)
        for place, block in read_blocks(source, entry.original):
            converted = _converted(block, dtype)
            if converted.dtype.kind == "f" and not np.isfinite(converted).all():
                raise Refused(f"The model's weights in '{entry.clean}' contain NaN or infinite numbers.")
            written[place] = converted


def write_original(
    source: h5py.File,
    layout: Layout,
    target: h5py.File,
    replaced: Mapping[str, NDArray[np.float32]],
) -> None:
    """The file's own paths and dtypes; entries whose clean path is in `replaced` get those numbers."""
    _write_groups(layout, target, renamed=False)
    for entry in layout.entries:
        dtype = entry.original.dtype.newbyteorder("=")
        written = target.create_dataset(entry.original.path, entry.original.shape, dtype)
        if entry.clean in replaced:
            written[()] = replaced[entry.clean].reshape(entry.original.shape).astype(dtype)
        else:
            for place, block in read_blocks(source, entry.original):
                written[place] = block.astype(dtype, copy=False)


def read_blocks(source: h5py.File, dataset: Dataset) -> Iterator[Block]:
    """The array in pieces of whole rows, each of about BLOCK_BYTES."""
    opened = source[dataset.path]
    if not dataset.shape or dataset.size == 0:
        yield (), np.asarray(opened[()])
        return
    row_bytes = max(1, dataset.size // dataset.shape[0]) * dataset.dtype.itemsize
    step = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, dataset.shape[0], step):
        place = (slice(start, min(start + step, dataset.shape[0])),)
        yield place, np.asarray(opened[place])


def _write_groups(layout: Layout, target: h5py.File, *, renamed: bool) -> None:
    back = {clean: original for original, clean in layout.groups.items()}
    for original, clean in layout.groups.items():
        target.require_group(clean if renamed else original)
    for (path, name), names in layout.lists.items():
        write_names(target[path if renamed else back[path]], name, names)
    for (path, name), text in layout.texts.items():
        target[path if renamed else back[path]].attrs[name] = text


def _clean_dtype(dataset: Dataset) -> np.dtype[Any]:
    return np.dtype(np.float32) if dataset.dtype.kind == "f" else dataset.dtype.newbyteorder("=")


def _converted(block: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    # A float64 weight beyond float32's range becomes infinite here and is refused as such by the caller.
    with np.errstate(over="ignore"):
        return block.astype(dtype, copy=False)
