"""What people are shown of a file before anything is trained on it: shape, first rows or thumbnails, class counts."""

import base64
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from server.intake import bounds
from server.intake.blocks import Array, row_blocks
from server.intake.image_archive import ImageArchive
from server.intake.images import UnusableImage, decoded, png, shrunk
from server.intake.label_texts import are_sound
from server.intake.looked import Looked
from server.intake.npy import UnusableArray, open_array
from server.intake.tables import HEAD_COLUMNS, HEAD_LETTERS, HEAD_ROWS, Table
from server.rules.intake_values import ArrayFile

Preview = dict[str, Any]
THUMBNAILS, SIDE = 12, 48
_LEAST_SIDE = 8
_SHOWN_CLASSES = 200


def preview_of(looked: Looked, label_column: str) -> Preview:
    """The facts and samples of one upload; texts are short, numbers finite, so that it can be stored as JSON."""
    preview: Preview = {
        "kind": looked.kind, "rows": 0, "arrays": [], "columns": [], "head": [], "thumbnails": [],
        "classes": None, "range": None,
    }  # fmt: skip
    if looked.table is not None:
        _add_table(preview, looked.table, label_column)
    elif looked.images is not None:
        _add_images(preview, looked.images)
    else:
        _add_arrays(preview, looked.arrays)
    return preview


def _add_table(preview: Preview, table: Table, label_column: str) -> None:
    preview["rows"] = table.rows
    preview["columns"] = [
        {
            "name": column.name,
            "type": column.shown_type,
            "distinct": len(column.counts) if column.counts is not None else None,
            "missing": column.missing,
        }
        for column in table.columns
    ]
    preview["head"] = table.head
    numbers = [column for column in table.columns if column.low <= column.high and column.name != label_column]
    if numbers:
        preview["range"] = _finite(min(c.low for c in numbers), max(c.high for c in numbers))
    labels = table.column(label_column)
    if labels is not None and labels.counts is not None:
        preview["classes"] = _classes([(str(value), labels.counts[value]) for value in sorted(labels.counts)])


def _add_images(preview: Preview, archive: ImageArchive) -> None:
    preview["rows"] = len(archive.images)
    preview["classes"] = _classes(list(zip(archive.classes, archive.counts(), strict=True)))
    with zipfile.ZipFile(archive.path) as file:
        for image in _of_each_class(archive):
            try:
                pixels = decoded(archive.read(file, image), None, 3)
            except (UnusableImage, UnusableArray):
                continue
            preview["thumbnails"].append(_uri(shrunk(pixels, SIDE)))


def _of_each_class(archive: ImageArchive) -> list[Any]:
    """Some images, of as many classes as can be shown."""
    by_class: dict[int, list[Any]] = {}
    for image in archive.images:
        here = by_class.setdefault(image.label, [])
        if len(here) < THUMBNAILS:
            here.append(image)
    some: list[Any] = []
    for place in range(THUMBNAILS):
        some += [images[place] for images in by_class.values() if place < len(images)]
        if len(some) >= THUMBNAILS:
            break
    return some[:THUMBNAILS]


def _add_arrays(preview: Preview, arrays: dict[str, ArrayFile]) -> None:
    preview["arrays"] = [
        {"name": name[:80], "dtype": np.dtype(array.dtype).name, "shape": list(array.shape)}
        for name, array in arrays.items()
    ]
    preview["rows"] = max((array.rows for array in arrays.values()), default=0)
    first = next(iter(arrays.values()))
    numbers = open_array(Path(first.path), text=True)
    if not numbers.size:
        return
    if numbers.ndim <= 2:
        preview["head"] = _head(numbers)
    if numbers.dtype.kind in "US":
        preview["classes"] = _counted(numbers.reshape(-1)) if numbers.size == len(numbers) else None
        return
    low, high = _extent(numbers)
    preview["range"] = _finite(low, high)
    if math.prod(numbers.shape[1:]) == 1 and numbers.dtype.kind in "iub":
        preview["classes"] = _counted(numbers.reshape(-1))
    if (looks := _as_pictures(numbers.shape[1:])) is not None and preview["range"] is not None:
        pictures = [_grey(row, low, high).reshape(looks) for row in numbers[:THUMBNAILS]]
        preview["thumbnails"] = [_uri(shrunk(picture, SIDE)) for picture in pictures]


_SAY: dict[str, Callable[[Any], str]] = {
    "f": lambda value: f"{value:g}",
    "S": lambda value: value.decode("utf-8", "replace"),
}


def _head(numbers: Array) -> list[list[str]]:
    rows = numbers[:HEAD_ROWS].reshape(min(HEAD_ROWS, len(numbers)), -1)[:, :HEAD_COLUMNS]
    say = _SAY.get(numbers.dtype.kind, str)
    if not are_sound(rows):
        return []
    return [[say(value)[:HEAD_LETTERS] for value in row] for row in rows.tolist()]


def _extent(numbers: Array) -> tuple[float, float]:
    """(smallest, largest), of what is a number."""
    low, high = math.inf, -math.inf
    for _, block in row_blocks(numbers):
        low = min(low, float(np.fmin.reduce(block, axis=None)))
        high = max(high, float(np.fmax.reduce(block, axis=None)))
    return low, high


def _counted(numbers: Array) -> list[dict[str, Any]] | None:
    """How many rows each value has; None when there are too many values, or texts that are none."""
    say = _SAY.get(numbers.dtype.kind, str)
    counts: dict[Any, int] = {}
    for _, block in row_blocks(numbers):
        values, here = np.unique(block, return_counts=True)
        if len(values) > bounds.SHOWN_CLASSES or not are_sound(values):
            return None
        for value, count in zip(values.tolist(), here.tolist(), strict=True):
            counts[value] = counts.get(value, 0) + count
        if len(counts) > bounds.SHOWN_CLASSES:
            return None
    return _classes([(say(value)[:HEAD_LETTERS], counts[value]) for value in sorted(counts)])


def _classes(counts: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"name": name, "count": count} for name, count in counts[:_SHOWN_CLASSES]]


def _finite(low: float, high: float) -> list[float] | None:
    return [low, high] if math.isfinite(low) and math.isfinite(high) else None


def _as_pictures(row: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(height, width, channels) if rows of this shape can be shown as images."""
    height, width, channels = (*row, 1) if len(row) == 2 else row if len(row) == 3 else (0, 0, 0)
    if channels not in (1, 3) or not min(height, width) >= _LEAST_SIDE or max(height, width) > 4096:
        return None
    return height, width, channels


def _grey(row: Array, low: float, high: float) -> Array:
    """Numbers from 0 to 255 are shown as they are, others spread over black to white."""
    if low >= 0 and 1 < high <= 255:
        return row.astype(np.uint8)
    with np.errstate(all="ignore"):
        spread = (row.astype(np.float64) - low) * (255 / (high - low) if high > low else 0)
        return np.nan_to_num(spread).clip(0, 255).astype(np.uint8)


def _uri(pixels: Array) -> str:
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")
