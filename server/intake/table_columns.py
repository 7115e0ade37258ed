"""Which columns of a table are the model's inputs and which hold the labels, and whether they can be used."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from server.intake import bounds
from server.intake.findings import WORDS, Findings, counted, shape_text
from server.intake.tables import BOOLEAN, NUMBER, TEXT, Column, Table
from server.rules.intake_values import DataRequest

CHOOSE = "Choose the column that holds the labels"
_NAMED = 5
_FIRST = "the first row is row 0"
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")


@dataclass(frozen=True)
class Chosen:
    """For each input of the model its columns in order, and the columns of the labels (none: they come otherwise)."""

    inputs: dict[str, list[Column]]
    labels: list[Column]


def choose_columns(
    table: Table, request: DataRequest, has_labels: bool, fields: tuple[str, str], findings: Findings,
    columns: Sequence[str] | None,
) -> Chosen | None:  # fmt: skip
    """None, with every problem noted, if the table cannot be used as it is."""
    before = len(findings.problems)
    asked = request.preparation.label_column
    labels: list[Column] | None = []
    if asked or not has_labels:
        labels = _label_columns(table, asked, fields[0], has_labels, findings)
    if labels is None:
        return None
    for column in labels:
        _check_labels(column, fields[0], findings)
        if len(labels) > 1 and column.type == TEXT:
            findings.problem("label_column", f"the column “{column.name}” holds text: several labels must be numbers")
    taken = {column.name for column in labels}
    features = [column for column in table.columns if column.name not in taken]
    if columns is not None:
        features = _as_in_training(features, columns, fields[0], findings)
    for column in [c for c in features if c.name and not _usable(c)][:_NAMED]:
        _say_unusable(column, fields[0], findings)
    inputs = _inputs(features, table.rows, request, fields[0], findings) if len(findings.problems) == before else None
    return None if inputs is None else Chosen(inputs, labels)


def label_column_of(table: Table, asked: str, field: str, findings: Findings) -> Column | None:
    """The labels' column in a table of labels: the only one, or the one asked for."""
    column = table.columns[0] if len(table.columns) == 1 else table.column(asked)
    if column is None:
        names = _names(table.columns)
        findings.problem("label_column", f"{CHOOSE}: {WORDS[field]} have the columns {names}")
        return None
    before = len(findings.problems)
    _check_labels(column, field, findings)
    return column if len(findings.problems) == before else None


def _label_columns(
    table: Table, asked: str, field: str, has_labels: bool, findings: Findings
) -> list[Column] | None:
    if not asked:
        findings.problem("label_column", CHOOSE)
        return None
    if (one := table.column(asked)) is not None:
        return [one]
    several = [table.column(name.strip()) for name in asked.split(",")]
    if len(several) > 1 and all(several):
        return [column for column in several if column is not None]
    if has_labels:
        # It may be a column of the labels' own file.
        return []
    findings.problem(
        "label_column", f"{WORDS[field]} have no column “{asked[:80]}”; they have {_names(table.columns)}"
    )
    return None


def _check_labels(column: Column, field: str, findings: Findings) -> None:
    where = f"the column “{column.name}” of {WORDS[field]}"
    if column.first_missing is not None:
        findings.problem(field, f"{where} has no label in row {column.first_missing:,} ({_others(column)})")
    elif column.infinite is not None:
        findings.problem(field, f"{where} holds an infinite number in row {column.infinite:,} ({_FIRST})")
    elif column.type == TEXT and column.counts is None:
        findings.problem(
            field, f"{where} holds more than {bounds.CLASSES:,} different texts, or very long ones: they are no classes"
        )
    elif column.type not in (NUMBER, BOOLEAN, TEXT):
        findings.problem(field, f"{where} holds {column.shown_type}, which cannot be labels")


def _as_in_training(
    features: list[Column], columns: Sequence[str], field: str, findings: Findings
) -> list[Column]:
    """The validation columns in the order of the training columns."""
    here = {column.name: column for column in features}
    missing = [name for name in columns if name not in here]
    if missing:
        some = ", ".join(f"“{name[:40]}”" for name in missing[:_NAMED])
        findings.problem(field, f"{WORDS[field]} lack {counted(len(missing), 'column')} of the training data: {some}")
        return []
    return [here[name] for name in columns]


def _usable(column: Column) -> bool:
    return (
        column.type in (NUMBER, BOOLEAN)
        and column.first_missing is None
        and column.infinite is None
        and max(-column.low, column.high) <= 3.4028234663852886e38
    )


def _say_unusable(column: Column, field: str, findings: Findings) -> None:
    where = f"the column “{column.name}” of {WORDS[field]}"
    if column.stray is not None:
        row, text = column.stray
        findings.problem(field, f"{where} holds “{text[:40]}” instead of a number in row {row:,} ({_FIRST})")
    elif column.type == TEXT and _DECIMAL_COMMA.fullmatch(column.some_text):
        findings.problem(
            field,
            f"{where} writes numbers with a decimal comma (such as “{column.some_text[:40]}”): save them with a point",
        )
    elif column.type == TEXT and column.counts != {}:
        such = f" (such as “{column.some_text[:40]}”)" if column.some_text else ""
        findings.problem(
            field,
            f"{where} holds text{such}; the model takes numbers: leave the column out, or turn it into numbers first "
            "(pandas.get_dummies makes a column of 0 and 1 for each text)",
        )
    elif column.first_missing is not None:
        findings.problem(field, f"{where} has no value in row {column.first_missing:,} ({_others(column)})")
    elif column.infinite is not None:
        findings.problem(field, f"{where} holds an infinite number in row {column.infinite:,} ({_FIRST})")
    elif column.type in (NUMBER, BOOLEAN):
        findings.problem(field, f"{where} holds a number that is too large for float32")
    else:
        findings.problem(field, f"{where} holds {column.shown_type}, which is no number: leave it out or convert it")


def _others(column: Column) -> str:
    return f"{_FIRST}; {counted(column.missing, 'row')} in all" if column.missing > 1 else _FIRST


def _inputs(
    features: list[Column], rows: int, request: DataRequest, field: str, findings: Findings
) -> dict[str, list[Column]] | None:
    if len(request.inputs) == 1:
        spec = request.inputs[0]
        wanted = math.prod(length for length in spec.shape if length is not None)
        if len(spec.shape) and None not in spec.shape and wanted == len(features):
            return {spec.name: features}
        if features and len(spec.shape) == 1 and spec.shape[0] is None:
            return {spec.name: features}
        findings.problem(
            field,
            f"{WORDS[field]} have {counted(len(features), 'column')} besides the labels, but the model's input "
            f"'{spec.name}' takes {shape_text(spec.shape)}"
            + (f": {wanted:,} numbers" if len(spec.shape) > 1 else "")
            + _about_row_numbers(features[:1], rows),
        )
        return None
    here = {column.name: column for column in features}
    found = {spec.name: [here[spec.name]] for spec in request.inputs if spec.name in here}
    if len(found) < len(request.inputs) or any(spec.shape not in ((), (1,)) for spec in request.inputs):
        names = ", ".join(spec.name for spec in request.inputs)
        findings.problem(
            field,
            f"the model has {len(request.inputs)} inputs ({names}): a table can feed them only where each takes one "
            "number from a column of its name; save a .npz with one array for each input instead",
        )
        return None
    return found


def _about_row_numbers(first: list[Column], rows: int) -> str:
    """A hint where the first column looks like the index that pandas writes unless told not to."""
    if not first or not first[0].whole or first[0].low not in (0, 1) or first[0].high - first[0].low != rows - 1:
        return ""
    return f" (the column “{first[0].name}” seems to number the rows: leave it out)"


def _names(columns: list[Column]) -> str:
    some = ", ".join(f"“{column.name[:40]}”" for column in columns[:20])
    return some + (", ..." if len(columns) > 20 else "")
