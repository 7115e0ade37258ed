"""Uploaded data against model and loss: every problem beside its field, not only the first."""

from pathlib import Path
from typing import Any

import numpy as np

from server.intake import space
from server.intake.bounds import SAMPLE_ROWS
from server.intake.findings import WORDS, Findings, counted
from server.intake.fitted_inputs import fitted_inputs
from server.intake.formats import NPY
from server.intake.label_checks import check_labels, class_counts, class_numbers, label_shape
from server.intake.label_encoding import Classes, Encoder
from server.intake.npy import open_array
from server.intake.number_checks import first_not_finite, first_not_whole, first_outside
from server.intake.opened_uploads import Uploads
from server.intake.part_arrays import PartArrays, part_arrays
from server.intake.scaled_parts import scaled_parts
from server.intake.table_columns import CHOOSE
from server.intake.uploads import size_in_bytes
from server.intake.written_rows import shaped, with_samples
from server.rules.intake_values import (
    ArrayFile,
    DataReading,
    DataRequest,
    Examples,
    PreviewReading,
    PreviewRequest,
)
from server.rules.preprocessing import recorded
from volunteer.plan.shapes import InputSpec

_LABELS = "Choose the labels: a .npy holds the data alone"


def check_data(request: DataRequest) -> DataReading:
    """Read all that was uploaded. `training` and `validation` of the answer are what `cut` takes."""
    Path(request.folder).mkdir(parents=True, exist_ok=True)
    with space.allotted(request.room, request.least_free):
        return _Check(request).reading()


def preview_data(request: PreviewRequest) -> PreviewReading:
    """What people are shown of files that cannot be checked yet, for want of a model."""
    folder, findings = Path(request.folder), Findings()
    folder.mkdir(parents=True, exist_ok=True)
    uploads = Uploads(folder, request.label_column, findings)
    with space.allotted(request.room, request.least_free):
        for field, path in request.files.items():
            uploads.look(field, path)
    if "labels" not in request.files and "data" in uploads.found:
        data = uploads.found["data"]
        if data.table is not None and not request.label_column:
            findings.problem("label_column", CHOOSE)
        elif data.kind == NPY:
            findings.problem("labels", _LABELS)
    return PreviewReading(uploads.preview, tuple(findings.problems))


class _Check:
    """One request: the files as they were found, and everything found wrong with them."""

    def __init__(self, request: DataRequest) -> None:
        self._request = request
        self._findings = Findings()
        self._uploads = Uploads(Path(request.folder), request.preparation.label_column, self._findings)
        self._facts: dict[str, Any] = {}
        self._classes: Classes | None = None

    def reading(self) -> DataReading:
        request, findings = self._request, self._findings
        for field in ("data", "labels", "validation_data", "validation_labels"):
            if (path := getattr(request, field)) is not None:
                self._uploads.look(field, path)
        part = self._arrays("data", "labels", None)
        training = self._examples(part, "data", "labels") if part is not None else None
        validation = self._validation(part)
        if training is not None and request.batch_size is not None and request.batch_size > training.rows:
            findings.problem(
                "batch_size",
                f"the batch size is {request.batch_size:,}, but data has {counted(training.rows, 'row')}",
            )
        counts = None
        if training is not None and not findings.problems:
            numbers = class_numbers(shaped(training.labels), request.rule)
            counts = None if numbers is None else class_counts(numbers, request.rule, "labels", findings)
        if training is not None and not findings.problems:
            training, validation = self._scaled(training, validation)
            training = with_samples(training, request.rule, request.batch_size or SAMPLE_ROWS, Path(request.folder))
        # As they will travel: scaled numbers are larger than the bytes of a picture.
        parts = [one for one in (training, validation) if one is not None]
        size = sum(size_in_bytes(array) for one in parts for array in (*one.inputs, one.labels))
        sound = not findings.problems
        return DataReading(
            problems=tuple(findings.problems),
            remarks=tuple(findings.remarks),
            rows=training.rows if training else 0,
            validation_rows=validation.rows if validation else 0,
            classes=counts,
            bytes=size,
            training=training if sound else None,
            validation=validation if sound else None,
            preview=self._uploads.preview,
            preprocessing=recorded(self._facts) if sound else {},
        )

    def _validation(self, training: PartArrays | None) -> Examples | None:
        request, findings = self._request, self._findings
        data, labels = "validation_data", "validation_labels"
        if request.validation_data is not None:
            part = self._arrays(data, labels, training)
            return None if part is None else self._examples(part, data, labels)
        if request.validation_labels is not None:
            findings.problem(data, "validation labels need validation data")
        elif training is not None and training.held_out is not None:
            findings.remark("data", "data bring examples for validation, which are used for it")
            return self._examples(training.held_out, data, labels)
        return None

    def _arrays(self, data: str, labels: str, training: PartArrays | None) -> PartArrays | None:
        """None if one of the part's files could not even be opened; then that is the problem."""
        found = self._uploads.found
        request, fields = self._request, (data, labels)
        if getattr(request, labels) is None and data in found and found[data].kind == NPY:
            sentence = "validation data need validation labels" if labels != "labels" else _LABELS
            self._findings.problem(labels, sentence)
        columns = training.facts.get("columns") if training is not None else None
        part = part_arrays(request, found.get(data), found.get(labels), fields, self._findings, columns)
        if data == "data":
            self._facts.update(part.facts)
        return part

    def _examples(self, part: PartArrays, data: str, labels: str) -> Examples | None:
        """The part's examples; None, with the problems noted, if they cannot be used."""
        request, findings = self._request, self._findings
        before = len(findings.problems)
        inputs = fitted_inputs(part.arrays, request.inputs, data, findings) if part.arrays else ()
        label_array = self._labels(part, labels)
        rows = _row_counts(inputs, label_array, data, labels, findings)
        # What each says by itself is looked at even when the two do not belong together.
        for array, spec in zip(inputs, request.inputs, strict=False):
            if array.rows:
                _check_numbers(array, spec, request.index_limits.get(spec.name), data, findings)
        if label_array is not None and label_array.rows:
            check_labels(shaped(label_array), request.rule, labels, findings)
        if label_array is None or not inputs or not rows or len(findings.problems) > before:
            return None
        return Examples(inputs, label_array)

    def _labels(self, part: PartArrays, field: str) -> ArrayFile | None:
        if part.labels is None:
            return None
        request, training = self._request, field == "labels"
        encoder = Encoder(
            request.rule, request.preparation.label_encoding, Path(request.folder) / f"{field}-encoded.npy", field,
            self._findings, training, self._classes,
        )  # fmt: skip
        encoded = encoder.encoded(part.labels)
        if encoded is None:
            return None
        array, classes = encoded
        if training and classes is not None:
            self._classes = classes
            self._facts["labels"] = {"classes": list(classes)}
        row = label_shape(array.shape[1:], request.rule, field, self._findings)
        return None if row is None else ArrayFile("y", array.path, array.dtype, array.shape, row)

    def _scaled(self, training: Examples, validation: Examples | None) -> tuple[Examples, Examples | None]:
        parts, numbers = scaled_parts(self._request, training, validation, self._findings)
        if numbers:
            self._facts["scaling"] = {"kind": self._request.preparation.scaling, "inputs": numbers}
        return parts


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
