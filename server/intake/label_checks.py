"""Whether labels are what the loss wants: class numbers, one-hot rows, zeros and ones, or plain numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.intake.blocks import Array, row_blocks
from server.intake.findings import WORDS, Findings, shape_text
from server.intake.number_checks import extent, first_not_finite, first_not_whole
from server.intake.row_shapes import fitted
from volunteer.plan.objectives import LabelRule

_SUM_TOLERANCE = 1e-3


def label_shape(
    row: tuple[int, ...], rule: LabelRule, field: str, findings: Findings
) -> tuple[int, ...] | None:
    """The shape the label rows are written in; None, with a problem noted, if they cannot be used."""
    shape = fitted(row, rule.shape)
    if shape is not None:
        return shape
    name, classes = WORDS[field], rule.classes
    if rule.kind == "integer" and row == (*rule.shape, classes):
        findings.problem(
            field,
            f"{name} look like one-hot rows of {classes}, but the loss takes class numbers: choose "
            "categorical_crossentropy, or convert them with numpy.argmax(labels, axis=-1)",
        )
    elif rule.kind == "one_hot" and fitted(row, rule.shape[:-1]) is not None:
        findings.problem(
            field,
            f"{name} look like class numbers, but the loss takes one-hot rows of {classes}: choose "
            "sparse_categorical_crossentropy, or convert them with keras.utils.to_categorical",
        )
    else:
        wanted = shape_text(rule.shape)
        findings.problem(
            field,
            f"each row of {name} has the shape {shape_text(row)}, but the model and its loss take {wanted}",
        )
    return None


def check_labels(array: Array, rule: LabelRule, field: str, findings: Findings) -> None:
    """Note every problem of the numbers; `array` has the right shape and at least one row."""
    name = WORDS[field]
    fault = first_not_finite(array)
    if fault is not None:
        findings.problem(field, f"{name} hold {fault.text} in row {fault.row:,} (the first row is row 0)")
        return
    if rule.kind == "integer":
        _check_class_numbers(array, rule, field, findings)
    elif rule.kind == "one_hot":
        _check_one_hot(array, rule, field, findings)
    elif rule.kind == "binary":
        low, high = extent(array)
        if low < 0 or high > 1:
            findings.problem(
                field, f"{name} go from {low:g} to {high:g}, but the loss takes numbers from 0 to 1"
            )


def class_numbers(array: Array, rule: LabelRule) -> NDArray[np.int64] | None:
    """The class of each row, for counting and a stratified split; None where rows have no single class."""
    if rule.kind == "one_hot" and len(rule.shape) == 1:
        parts = [block.argmax(axis=-1) for _, block in row_blocks(array)]
    elif (rule.kind == "integer" and not rule.shape) or (rule.kind == "binary" and rule.shape == (1,)):
        parts = [np.rint(block).reshape(len(block)) for _, block in row_blocks(array)]
    else:
        return None
    return np.concatenate(parts).astype(np.int64)


def class_counts(numbers: NDArray[np.int64], rule: LabelRule, field: str, findings: Findings) -> list[int]:
    """How many rows each class has; classes without any are worth a remark."""
    classes = rule.classes or 2
    counts = np.bincount(numbers, minlength=classes)
    missing = np.flatnonzero(counts == 0)
    if missing.size:
        some = ", ".join(str(number) for number in missing[:10]) + (", ..." if missing.size > 10 else "")
        findings.remark(
            field,
            f"{WORDS[field]} use {classes - missing.size} of the model's {classes} classes; "
            f"none is of class {some}",
        )
    return [int(count) for count in counts]


def _check_class_numbers(array: Array, rule: LabelRule, field: str, findings: Findings) -> None:
    name = WORDS[field]
    fault = first_not_whole(array)
    if fault is not None:
        findings.problem(
            field,
            f"{name} hold {fault.text} in row {fault.row:,}, but the loss takes whole class numbers",
        )
        return
    low, high = extent(array)
    if rule.classes is not None and (low < 0 or high >= rule.classes):
        findings.problem(
            field,
            f"{name} go from {int(low)} to {int(high)} but the model has {rule.classes} outputs, "
            f"so {name} must be 0 to {rule.classes - 1}",
        )


def _check_one_hot(array: Array, rule: LabelRule, field: str, findings: Findings) -> None:
    name = WORDS[field]
    for start, block in row_blocks(array):
        numbers: NDArray[Any] = block.astype(np.float32)
        bad = (np.abs(numbers.sum(axis=-1) - 1) > _SUM_TOLERANCE) | (numbers.min(axis=-1) < 0)
        if bad.any():
            row = start + int(np.unravel_index(int(np.argmax(bad)), bad.shape)[0])
            findings.problem(
                field,
                f"row {row:,} of {name} is not one-hot: its {rule.classes} numbers must be 0 or more "
                "and add up to 1",
            )
            return
