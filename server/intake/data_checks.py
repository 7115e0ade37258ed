"""Uploaded data against model and loss: every problem beside its field, not only the first."""

from pathlib import Path

import numpy as np

from server.intake.bounds import SAMPLE_ROWS
from server.intake.findings import WORDS, Findings, counted, shape_text
from server.intake.label_checks import check_labels, class_counts, class_numbers, label_shape
from server.intake.npy import UnusableArray, open_array
from server.intake.number_checks import first_not_finite, first_not_whole, first_outside
from server.intake.row_shapes import fitted
from server.intake.uploads import plain_arrays, size_in_bytes
from server.intake.written_rows import shaped, with_samples
from server.rules.intake_values import ArrayFile, DataReading, DataRequest, Examples
from volunteer.plan.shapes import InputSpec


def check_data(request: DataRequest) -> DataReading:
    """Read all that was uploaded. `training` and `validation` of the answer are what `cut` takes."""
    folder = Path(request.folder)
    folder.mkdir(parents=True, exist_ok=True)
    findings = Findings()
    training = _part(request, request.data, request.labels, "data", "labels", findings)
    validation = None
    if request.validation_data is not None and request.validation_labels is not None:
        fields = ("validation_data", "validation_labels")
        validation = _part(request, request.validation_data, request.validation_labels, *fields, findings)
    elif request.validation_data is not None:
        findings.problem("validation_labels", "validation data need validation labels")
    elif request.validation_labels is not None:
        findings.problem("validation_data", "validation labels need validation data")
    classes = None
    if training is not None:
        if request.batch_size is not None and request.batch_size > training.rows:
            findings.problem(
                "batch_size",
                f"the batch size is {request.batch_size:,}, but data has {counted(training.rows, 'row')}",
            )
        numbers = class_numbers(shaped(training.labels), request.rule)
        if numbers is not None and not findings.problems:
            classes = class_counts(numbers, request.rule, "labels", findings)
    parts = [part for part in (training, validation) if part is not None]
    sound = not findings.problems
    if sound and training is not None:
        training = with_samples(training, request.rule, request.batch_size or SAMPLE_ROWS, folder)
    return DataReading(
        problems=tuple(findings.problems),
        remarks=tuple(findings.remarks),
        rows=training.rows if training else 0,
        validation_rows=validation.rows if validation else 0,
        classes=classes,
        bytes=sum(size_in_bytes(array) for part in parts for array in (*part.inputs, part.labels)),
        training=training if sound else None,
        validation=validation if sound else None,
    )


def _part(
    request: DataRequest, data: str, labels: str, data_field: str, labels_field: str, findings: Findings
) -> Examples | None:
    """One pair of data and labels; None if either cannot be used at all."""
    folder = Path(request.folder)
    before = len(findings.problems)
    inputs = _inputs(Path(data), request, folder, data_field, findings)
    label_array = _labels(Path(labels), request, folder, labels_field, findings)
    rows = _row_counts(inputs, label_array, data_field, labels_field, findings)
    # What each says by itself is looked at even when the two do not belong together.
    for array, spec in zip(inputs, request.inputs, strict=False):
        if array.rows:
            _check_numbers(array, spec, request.index_limits.get(spec.name), data_field, findings)
    if label_array is not None and label_array.rows:
        check_labels(shaped(label_array), request.rule, labels_field, findings)
    if label_array is None or not inputs or not rows or len(findings.problems) > before:
        return None
    return Examples(inputs, label_array)


def _inputs(
    path: Path, request: DataRequest, folder: Path, field: str, findings: Findings
) -> tuple[ArrayFile, ...]:
    """The arrays in the order of the model's inputs; empty, with the problem noted, if they are not those."""
    try:
        arrays = plain_arrays(path, folder, field)
    except UnusableArray as error:
        findings.problem(field, f"{WORDS[field]} {error}")
        return ()
    names = [spec.name for spec in request.inputs]
    if len(names) == 1 and len(arrays) == 1:
        arrays = {names[0]: next(iter(arrays.values()))}
    missing = [name for name in names if name not in arrays]
    if missing:
        here = ", ".join(f"'{name}'" for name in arrays if name) or "a single unnamed array"
        findings.problem(
            field,
            f"the model has {counted(len(names), 'input')} ({', '.join(names)}) and {WORDS[field]} hold "
            f"{here}: save a .npz with one array for each input, under its name",
        )
        return ()
    for name in arrays:
        if name not in names:
            findings.remark(
                field, f"the array '{name}' in {WORDS[field]} is no input of the model and is left out"
            )
    shaped = [_shaped(arrays[spec.name], spec, field, len(names) > 1, findings) for spec in request.inputs]
    return tuple(array for array in shaped if array is not None) if all(shaped) else ()


def _shaped(
    array: ArrayFile, spec: InputSpec, field: str, several: bool, findings: Findings
) -> ArrayFile | None:
    row = fitted(array.shape[1:], spec.shape)
    if row is None or 0 in row:
        which = f"the array '{spec.name}' in {WORDS[field]}" if several else WORDS[field]
        findings.problem(
            field,
            f"each row of {which} has the shape {shape_text(array.shape[1:])}, "
            f"but the model's input '{spec.name}' takes {shape_text(spec.shape)}",
        )
        return None
    return ArrayFile(spec.name, array.path, array.dtype, array.shape, row)


def _labels(
    path: Path, request: DataRequest, folder: Path, field: str, findings: Findings
) -> ArrayFile | None:
    try:
        arrays = plain_arrays(path, folder, field)
    except UnusableArray as error:
        findings.problem(field, f"{WORDS[field]} {error}")
        return None
    if len(arrays) > 1:
        findings.problem(field, f"{WORDS[field]} hold {len(arrays)} arrays; one is wanted")
        return None
    array = next(iter(arrays.values()))
    row = label_shape(array.shape[1:], request.rule, field, findings)
    return None if row is None else ArrayFile("y", array.path, array.dtype, array.shape, row)


def _row_counts(
    inputs: tuple[ArrayFile, ...],
    labels: ArrayFile | None,
    data_field: str,
    labels_field: str,
    findings: Findings,
) -> int:
    """The number of rows; 0, with the problems noted, if there are none or they differ."""
    data_rows = {array.rows for array in inputs}
    if len(data_rows) > 1:
        each = ", ".join(f"'{array.name}' has {array.rows:,}" for array in inputs)
        findings.problem(
            data_field, f"the arrays in {WORDS[data_field]} differ in their number of rows: {each}"
        )
        return 0
    rows = data_rows.pop() if data_rows else 0
    if inputs and rows == 0:
        findings.problem(data_field, f"{WORDS[data_field]} has no rows")
    if labels is not None and labels.rows == 0:
        findings.problem(labels_field, f"{WORDS[labels_field]} has no rows")
        return 0
    if inputs and labels is not None and rows != labels.rows and rows:
        findings.problem(
            labels_field,
            f"{WORDS[labels_field]} has {counted(labels.rows, 'row')}, {WORDS[data_field]} has {rows:,}",
        )
        return 0
    return rows


def _check_numbers(
    array: ArrayFile, spec: InputSpec, limit: int | None, field: str, findings: Findings
) -> None:
    numbers = open_array(Path(array.path))
    name = WORDS[field]
    fault = first_not_finite(numbers)
    if fault is not None:
        findings.problem(field, f"{name} has {fault.text} in row {fault.row:,} (the first row is row 0)")
        return
    whole = np.dtype(spec.dtype).kind in "iu" if spec.dtype != "bfloat16" else False
    if not whole and limit is None:
        return
    fault = first_not_whole(numbers)
    if fault is not None:
        findings.problem(
            field,
            f"{name} has {fault.text} in row {fault.row:,}, "
            f"but the model's input '{spec.name}' takes whole numbers",
        )
        return
    low, high = (0, limit - 1) if limit is not None else (np.iinfo(spec.dtype).min, np.iinfo(spec.dtype).max)
    fault = first_outside(numbers, low, high)
    if fault is not None:
        why = f"its Embedding has input_dim={limit}" if limit is not None else f"it is {spec.dtype}"
        findings.problem(
            field,
            f"{name} has {fault.text} in row {fault.row:,}, "
            f"but the model's input '{spec.name}' takes {low:,} to {high:,} ({why})",
        )
