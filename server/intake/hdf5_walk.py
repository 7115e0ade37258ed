"""Look at every object of an HDF5 file and read none: only plain groups and plain numeric datasets pass.

Refused: links that are not hard links, objects linked twice (hence cycles), external or virtual storage,
filters that would have to be loaded, elements other than numbers, shapes that promise more than is stored.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5s, h5t, h5z

from server.intake import bounds
from volunteer.plan.refused import Refused

_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_LZF}
_LAYOUTS = {h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED}
_KINDS = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "a link into another file"}
_FLOATS = (
    h5t.IEEE_F16LE, h5t.IEEE_F32LE, h5t.IEEE_F64LE, h5t.IEEE_F16BE, h5t.IEEE_F32BE, h5t.IEEE_F64BE
)  # fmt: skip


@dataclass(frozen=True)
class Dataset:
    """What a dataset declares; nothing of it has been read."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass
class Survey:
    """All groups and datasets of a file by path, without a leading slash; the root is not listed."""

    groups: list[str] = field(default_factory=list)
    datasets: dict[str, Dataset] = field(default_factory=dict)


def open_file(path: Path) -> h5py.File:
    """Open for reading, without a lock. Raises OSError where it is not HDF5."""
    return h5py.File(path, "r", locking=False, rdcc_nbytes=bounds.MIB)


def survey(file: h5py.File) -> Survey:
    """Walk the file. Raises Refused naming the object; h5py's own errors pass through for damaged files."""
    result = Survey()
    seen = {h5o.get_info(file.id).addr}
    declared = 0
    pending: list[tuple[h5g.GroupID, str, int]] = [(h5g.open(file.id, b"/"), "", 0)]
    while pending:
        group, prefix, depth = pending.pop()
        if depth > bounds.HDF5_DEPTH:
            raise Refused(f"The model file's groups are nested more than {bounds.HDF5_DEPTH} levels deep.")
        for raw in _names(group):
            path = prefix + _plain_name(raw)
            _require_hard_link(group, raw, path)
            child = h5o.open(group, raw)
            address = h5o.get_info(child).addr
            if address in seen:
                raise Refused(f"The model file links '{path}' more than once.")
            seen.add(address)
            if len(seen) > bounds.HDF5_OBJECTS:
                raise Refused(f"The model file has more than {bounds.HDF5_OBJECTS:,} objects inside.")
            if isinstance(child, h5g.GroupID):
                result.groups.append(path)
                pending.append((child, path + "/", depth + 1))
            elif isinstance(child, h5d.DatasetID):
                found = _plain_dataset(child, path)
                result.datasets[path] = found
                declared += found.size * found.dtype.itemsize
                if declared > bounds.HDF5_DECLARED_BYTES:
                    raise Refused(
                        f"The model file declares more than {bounds.HDF5_DECLARED_BYTES:,} bytes of weights."
                    )
            else:
                raise Refused(f"The model file holds '{path}', which is neither a group nor an array.")
    return result


def _names(group: h5g.GroupID) -> list[bytes]:
    count = group.get_num_objs()
    if count > bounds.HDF5_OBJECTS:
        raise Refused(f"The model file has more than {bounds.HDF5_OBJECTS:,} objects inside.")
    return sorted(group)


def _plain_name(raw: bytes) -> str:
    name = raw.decode("utf-8", "replace")
    if not name or len(name) > bounds.HDF5_NAME or "/" in name or name in (".", "..") or "\ufffd" in name:
        raise Refused(f"The model file has an object with an unusable name: {name[:60]!r}.")
    return name


def _require_hard_link(group: h5g.GroupID, raw: bytes, path: str) -> None:
    kind = group.links.get_info(raw).type
    if kind != h5l.TYPE_HARD:
        raise Refused(
            f"The model file's '{path}' is {_KINDS.get(kind, 'an unknown link')}, not data of its own."
        )


def _plain_dataset(dataset: h5d.DatasetID, path: str) -> Dataset:
    space = dataset.get_space()
    if space.get_simple_extent_type() not in (h5s.SIMPLE, h5s.SCALAR):
        raise Refused(f"The model file's '{path}' has no shape.")
    shape = tuple(int(length) for length in space.get_simple_extent_dims())
    if len(shape) > bounds.HDF5_RANK:
        raise Refused(
            f"The model file's '{path}' has {len(shape)} dimensions; at most {bounds.HDF5_RANK} are read."
        )
    dtype = _plain_type(dataset.get_type(), path)
    declared = math.prod(shape) * dtype.itemsize
    _require_plain_storage(dataset, path, declared)
    stored = dataset.get_storage_size()
    if declared > bounds.SMALL_BYTES and declared > bounds.EXPANSION * stored:
        raise Refused(
            f"The model file's '{path}' declares {declared:,} bytes and stores {stored:,}: "
            "that is not a real array."
        )
    return Dataset(path, shape, dtype)


def _plain_type(kind: h5t.TypeID, path: str) -> np.dtype[np.generic]:
    if isinstance(kind, h5t.TypeFloatID) and not any(kind.equal(known) for known in _FLOATS):
        raise Refused(
            f"The model file's '{path}' holds an unusual kind of number (bfloat16?); save it as float32."
        )
    if not isinstance(kind, h5t.TypeFloatID | h5t.TypeIntegerID) or kind.get_size() > 8:
        raise Refused(f"The model file's '{path}' does not hold plain numbers.")
    dtype: np.dtype[np.generic] = np.dtype(kind.dtype)
    return dtype


def _require_plain_storage(dataset: h5d.DatasetID, path: str, declared: int) -> None:
    plan = dataset.get_create_plist()
    if plan.get_layout() not in _LAYOUTS:
        raise Refused(f"The model file's '{path}' is a virtual array, pieced together from other places.")
    if plan.get_external_count():
        raise Refused(f"The model file's '{path}' keeps its numbers in another file.")
    for index in range(plan.get_nfilters()):
        if plan.get_filter(index)[0] not in _FILTERS:
            raise Refused(
                f"The model file's '{path}' is packed by an unknown filter; save it with gzip or unpacked."
            )
    if plan.get_layout() == h5d.CHUNKED:
        chunk = math.prod(plan.get_chunk()) * dataset.get_type().get_size()
        if chunk > min(bounds.HDF5_CHUNK_BYTES, max(2 * declared, bounds.MIB)):
            raise Refused(
                f"The model file's '{path}' is stored in pieces of {chunk:,} bytes, too large to read."
            )
