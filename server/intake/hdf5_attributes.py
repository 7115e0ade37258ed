"""Text kept in HDF5 attributes, read within bounds: single texts, and the lists of names that Keras keeps."""

import math

import h5py
import numpy as np
from h5py import h5a, h5s, h5t

from server.intake import bounds
from server.intake.damaged import damaged
from volunteer.plan.refused import Refused


def read_text(item: h5py.Group, name: str) -> str | None:
    """The string attribute `name`, or None where there is none."""
    if not _exists(item, name):
        return None
    if _length(item, name) != 1:
        raise damaged(f"its '{name}' is not a text")
    value = _value(item, name)
    while isinstance(value, np.ndarray):
        value = value.ravel()[0]
    return _text(value, name)


def read_names(item: h5py.Group, name: str) -> list[str]:
    """A list of names: one attribute, or `name0`, `name1`, ... where it was too long for one."""
    if _exists(item, name):
        return _names(item, name)
    names: list[str] = []
    part = 0
    while _exists(item, f"{name}{part}"):
        names += _names(item, f"{name}{part}")
        part += 1
    return names


def write_names(item: h5py.Group, name: str, names: list[str]) -> None:
    """The counterpart of `read_names`: split as soon as one attribute would pass HDF5's 64 KiB."""
    encoded = np.asarray([each.encode("utf-8") for each in names], dtype="S") if names else np.zeros(0, "f8")
    parts = 1
    while any(piece.nbytes > 60_000 for piece in np.array_split(encoded, parts)):
        parts += 1
    if parts == 1:
        item.attrs[name] = encoded
        return
    for number, piece in enumerate(np.array_split(encoded, parts)):
        item.attrs[f"{name}{number}"] = piece


def _exists(item: h5py.Group, name: str) -> bool:
    if h5a.get_num_attrs(item.id) > bounds.ATTRIBUTES:
        raise Refused(f"The model file has more than {bounds.ATTRIBUTES} attributes on '{item.name}'.")
    return bool(h5a.exists(item.id, name.encode()))


def _length(item: h5py.Group, name: str) -> int:
    """How many elements the attribute has; refuses what is not text, or too much of it."""
    attribute = h5a.open(item.id, name.encode())
    kind, space = attribute.get_type(), attribute.get_space()
    if space.get_simple_extent_type() == h5s.NULL:
        return 0
    length: int = math.prod(space.get_simple_extent_dims())
    if length == 0:
        return 0
    if not isinstance(kind, h5t.TypeStringID):
        raise damaged(f"its '{name}' is not a text")
    # Many texts of variable length may point at the same megabytes of the file: the process's memory limit is
    # what stops those, HDF5 cannot say beforehand how long they are.
    if length > bounds.NAMES or attribute.get_storage_size() > bounds.ATTRIBUTE_BYTES:
        raise Refused(f"The model file's '{name}' is too long.")
    return length


def _names(item: h5py.Group, name: str) -> list[str]:
    if _length(item, name) == 0:
        return []
    return [_text(value, name) for value in np.asarray(_value(item, name)).ravel()]


def _value(item: h5py.Group, name: str) -> object:
    try:
        return item.attrs[name]
    except (TypeError, ValueError):
        raise damaged(f"its '{name}' is not a text") from None


def _text(value: object, name: str) -> str:
    """h5py gives text as str, its undecodable bytes as lone surrogates, or as bytes."""
    try:
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if isinstance(value, str):
            value.encode("utf-8")
            return str(value)
    except UnicodeError:
        pass
    raise damaged(f"its '{name}' is not a text")
