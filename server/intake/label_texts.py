"""Texts in a .npy array, numbered: labels are often saved as words. Nothing is unpickled."""

from pathlib import Path

import numpy as np

from server.intake import bounds
from server.intake.blocks import Array, row_blocks
from server.intake.label_encoding import RawLabels
from server.intake.npy import UnusableArray, open_array
from server.intake.npy_rows import NpyRows
from server.rules.intake_values import ArrayFile


def is_text(array: ArrayFile) -> bool:
    return np.dtype(array.dtype).kind in "US"


def are_sound(texts: Array) -> bool:
    """Whether every letter exists: arrays may hold any four bytes for one, and Python's own texts then break."""
    if texts.dtype.kind != "U":
        return True
    letters = np.ascontiguousarray(texts.astype(texts.dtype.newbyteorder("="))).view(np.uint32)
    return not ((letters > 0x10FFFF) | ((letters >= 0xD800) & (letters <= 0xDFFF))).any()


def numbered(array: ArrayFile, path: Path) -> RawLabels:
    """The texts as numbers in the order of the texts. Raises UnusableArray."""
    texts = open_array(Path(array.path), text=True)
    if texts.ndim != 1 and texts.shape[1:] != (1,):
        raise UnusableArray(f"holds texts in {texts.ndim} dimensions; one text for each row is wanted")
    texts = texts.reshape(-1)
    found: Array = texts[:0]
    for _, block in row_blocks(texts):
        found = np.union1d(found, block)
        if len(found) > bounds.CLASSES:
            raise UnusableArray(f"holds more than {bounds.CLASSES:,} different texts, which are no classes")
    names = _readable(found)
    with NpyRows(path, np.int32, (len(texts),)) as file:
        for _, block in row_blocks(texts):
            file.add(np.searchsorted(found, block))
    return RawLabels(file.array("y"), names)


def _readable(texts: Array) -> tuple[str, ...]:
    """Raises UnusableArray for what is no text in UTF-8, or too long for a class."""
    if not are_sound(texts):
        raise UnusableArray("holds damaged text")
    try:
        names = tuple(text.decode("utf-8") if isinstance(text, bytes) else str(text) for text in texts.tolist())
    except ValueError:
        raise UnusableArray("holds damaged text") from None
    if any(len(name) > bounds.CLASS_LETTERS for name in names):
        raise UnusableArray(f"holds texts of more than {bounds.CLASS_LETTERS} letters, which are no classes")
    return names
