"""From what was uploaded for one part (training or validation) to plain arrays: one for each input, and the labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from server.intake.findings import WORDS, Findings
from server.intake.formats import NPZ
from server.intake.image_arrays import size_for, write_images
from server.intake.label_encoding import RawLabels
from server.intake.label_texts import is_text, numbered
from server.intake.looked import Looked
from server.intake.npy import UnusableArray
from server.intake.npz_keys import Sorted, is_known_data, sorted_arrays
from server.intake.table_arrays import Wanted, text_values, write_arrays
from server.intake.table_columns import Chosen, choose_columns, label_column_of
from server.rules.intake_values import ArrayFile, DataRequest


@dataclass
class PartArrays:
    """`arrays` by the names that the file gives them, or by the model's inputs; `facts` are for the record."""

    arrays: dict[str, ArrayFile] = field(default_factory=dict)
    labels: RawLabels | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    held_out: "PartArrays | None" = None


def part_arrays(
    request: DataRequest, data: Looked | None, labels: Looked | None, fields: tuple[str, str], findings: Findings,
    columns: Sequence[str] | None,
) -> PartArrays:  # fmt: skip
    """All that can be used, with every problem noted. `columns`: those of the training data, for validation data."""
    part = PartArrays()
    if data is not None:
        try:
            if data.table is not None:
                part = _from_table(request, data, labels is not None, fields, findings, columns)
            elif data.images is not None:
                part = _from_images(request, data, findings)
            else:
                part = _from_arrays(request, data)
        except UnusableArray as error:
            findings.problem(fields[0], f"{WORDS[fields[0]]} {error}")
            return PartArrays(labels=_labels_of(request, labels, findings) if labels is not None else None)
    if labels is not None:
        _take_labels(part, request, labels, findings)
    elif data is not None and part.labels is None and data.kind == NPZ:
        findings.problem(
            fields[1],
            f"{WORDS[fields[0]]} hold no array of labels: choose a file of labels, or save both in one .npz as x and y",
        )
    return part


def _take_labels(part: PartArrays, request: DataRequest, labels: Looked, findings: Findings) -> None:
    """The labels' own file goes before what the data file may hold, but for the folders and columns chosen there."""
    if part.labels is not None and (part.facts.get("label_column") or part.facts.get("image")):
        findings.remark(
            labels.field, f"the labels come with the data; the file chosen for {WORDS[labels.field]} is left out"
        )
        return
    part.labels = _labels_of(request, labels, findings)


def _from_arrays(request: DataRequest, data: Looked) -> PartArrays:
    inputs = [spec.name for spec in request.inputs]
    parts = sorted_arrays(data.arrays, inputs) if data.kind == "npz" else Sorted(data.arrays, None, {}, None)
    folder = Path(request.folder)
    held_out = None
    if parts.held_out_data and parts.held_out_labels is not None:
        held_out = PartArrays(parts.held_out_data, _raw(parts.held_out_labels, folder / "held-out-texts.npy"))
    labels = None if parts.labels is None else _raw(parts.labels, folder / f"{data.field}-texts.npy")
    arrays = parts.data
    if len(inputs) == 1 and inputs[0] not in arrays and len(arrays) > 1 and is_known_data(next(iter(arrays))):
        name, first = next(iter(arrays.items()))
        arrays = {inputs[0]: first, **{key: array for key, array in arrays.items() if key != name}}
    for name, array in arrays.items():
        if is_text(array) and (name in inputs or len(arrays) == 1):
            raise UnusableArray("holds text instead of numbers")
    return PartArrays({n: a for n, a in arrays.items() if not is_text(a)}, labels, {}, held_out)


def _from_table(
    request: DataRequest, data: Looked, has_labels: bool, fields: tuple[str, str], findings: Findings,
    columns: Sequence[str] | None,
) -> PartArrays:  # fmt: skip
    table = data.table
    assert table is not None
    for remark in table.remarks:
        findings.remark(data.field, f"{WORDS[data.field]} {remark}")
    chosen = choose_columns(table, request, has_labels, fields, findings, columns)
    if chosen is None:
        return PartArrays()
    wanted = [Wanted(name, inputs) for name, inputs in chosen.inputs.items()]
    if chosen.labels:
        wanted.append(_wanted_labels(chosen))
    arrays = write_arrays(table, wanted, Path(request.folder), data.field)
    shapes = {spec.name: spec.shape for spec in request.inputs if None not in spec.shape}
    labels = None
    facts: dict[str, Any] = {"columns": [column.name for inputs in chosen.inputs.values() for column in inputs]}
    if chosen.labels:
        names = wanted[-1].codes
        labels = RawLabels(arrays.pop(), tuple(names) if names is not None else None)
        facts["label_column"] = request.preparation.label_column
    rows_as_the_model_takes_them = {
        array.name: msgspec.structs.replace(array, shape=(array.rows, *shapes.get(array.name, array.shape[1:])))
        for array in arrays
    }
    return PartArrays(rows_as_the_model_takes_them, labels, facts)


def _wanted_labels(chosen: Chosen) -> Wanted:
    return Wanted("y", chosen.labels, len(chosen.labels) == 1, text_values(chosen.labels[0]))


def _from_images(request: DataRequest, data: Looked, findings: Findings) -> PartArrays:
    assert data.images is not None
    if len(request.inputs) != 1:
        findings.problem(
            data.field, f"{WORDS[data.field]} are images, but the model has {len(request.inputs)} inputs"
        )
        return PartArrays()
    size = size_for(request.inputs[0], request.preparation.image_size, data.field, findings)
    written = None if size is None else write_images(data.images, size, Path(request.folder), data.field, findings)
    if size is None or written is None:
        return PartArrays()
    pixels, labels = written
    facts = {"image": {"size": list(size[:2]), "channels": size[2], "resize": "bilinear"}}
    part = PartArrays({request.inputs[0].name: _laid_out(request, pixels)}, labels, facts)
    if data.images.held_out is not None and data.field == "data" and request.validation_data is None:
        kept = write_images(data.images.held_out, size, Path(request.folder), data.field, findings, "held-out")
        if kept is not None:
            part.held_out = PartArrays({request.inputs[0].name: _laid_out(request, kept[0])}, kept[1])
    return part


def _laid_out(request: DataRequest, pixels: ArrayFile) -> ArrayFile:
    """For a model that takes all pixels in a row, in a row."""
    if len(request.inputs[0].shape) != 1:
        return pixels
    row = (math.prod(pixels.shape[1:]),)
    return ArrayFile(pixels.name, pixels.path, pixels.dtype, (pixels.rows, *row), row)


def _labels_of(request: DataRequest, looked: Looked, findings: Findings) -> RawLabels | None:
    """Labels out of a file of their own; None, with a problem noted, if there are none that can be used."""
    word = WORDS[looked.field]
    try:
        if looked.table is not None:
            column = label_column_of(looked.table, request.preparation.label_column, looked.field, findings)
            if column is None:
                return None
            codes = text_values(column)
            (array,) = write_arrays(
                looked.table, [Wanted("y", [column], True, codes)], Path(request.folder), looked.field
            )
            return RawLabels(array, tuple(codes) if codes is not None else None)
        if looked.images is not None:
            findings.problem(
                looked.field, f"{word} are a zip of images: choose it as the data, its folders are the labels"
            )
            return None
        arrays = looked.arrays
        if len(arrays) > 1 and (found := sorted_arrays(arrays, []).labels) is not None:
            arrays = {"y": found}
        if len(arrays) > 1:
            findings.problem(looked.field, f"{word} hold {len(arrays)} arrays; one is wanted")
            return None
        return _raw(next(iter(arrays.values())), Path(request.folder) / f"{looked.field}-texts.npy")
    except UnusableArray as error:
        findings.problem(looked.field, f"{word} {error}")
        return None


def _raw(array: ArrayFile, path: Path) -> RawLabels:
    return numbered(array, path) if is_text(array) else RawLabels(array)
