"""Tensors as bytes: safetensors, read strictly. The only form in which arrays travel."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as _load
from safetensors.numpy import save as _save

Array = NDArray[Any]
MAX_HEADER = 2**20


class MalformedTensors(ValueError):
    """The bytes are not the safetensors that were expected."""


def save(tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> bytes:
    """The same tensors and metadata give the same bytes."""
    # Not ascontiguousarray: that makes a vector of a scalar.
    contiguous = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    # The library writes metadata in the order of a hash map, so we write that part of the header ourselves.
    return _with_metadata(_save(contiguous), metadata) if metadata else _save(contiguous)


def load(data: bytes | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """(tensors, metadata). Raises MalformedTensors."""
    raw = data.read_bytes() if isinstance(data, Path) else data
    try:
        return dict(_load(raw)), read_metadata(raw)
    except (SafetensorError, ValueError, KeyError, OverflowError) as error:
        raise MalformedTensors(f"not a safetensors file: {error}") from None


def inspect(path: Path) -> tuple[dict[str, tuple[str, tuple[int, ...]]], dict[str, str]]:
    """({name: (safetensors dtype, shape)}, metadata) of a file, by its header alone: no tensor is read.

    Raises MalformedTensors also when the file's length is not what the header adds up to.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        raw = stream.read(8)
        length = struct.unpack("<Q", raw)[0] if len(raw) == 8 else 0
        if length > min(MAX_HEADER, size):
            raise MalformedTensors("the header does not fit")
        header, start = _split_header(raw + stream.read(length))
    metadata = _metadata_of(header)
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    end = 0
    try:
        for name, entry in header.items():
            if name != "__metadata__":
                found[name] = (str(entry["dtype"]), tuple(int(n) for n in entry["shape"]))
                end = max(end, int(entry["data_offsets"][1]))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise MalformedTensors("the header does not describe tensors") from None
    if start + end != size:
        raise MalformedTensors("the file is longer or shorter than its header says")
    return found, metadata


def read_metadata(raw: bytes) -> dict[str, str]:
    """The `__metadata__` of a safetensors file. Raises MalformedTensors."""
    return _metadata_of(_split_header(raw)[0])


def _metadata_of(header: dict[str, Any]) -> dict[str, str]:
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise MalformedTensors("the metadata are not text")
    return metadata


def _split_header(raw: bytes) -> tuple[dict[str, Any], int]:
    if len(raw) < 8:
        raise MalformedTensors("too short for a header")
    (length,) = struct.unpack("<Q", raw[:8])
    if length > MAX_HEADER or 8 + length > len(raw):
        raise MalformedTensors("the header does not fit")
    try:
        header = json.loads(raw[8 : 8 + length])
    except (ValueError, RecursionError):
        raise MalformedTensors("the header is not JSON") from None
    if not isinstance(header, dict):
        raise MalformedTensors("the header is not an object")
    return header, 8 + length


def _with_metadata(raw: bytes, metadata: Mapping[str, str]) -> bytes:
    header, start = _split_header(raw)
    header = {"__metadata__": dict(sorted(metadata.items())), **header}
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + raw[start:]
