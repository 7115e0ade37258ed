"""Labels of people's own making, texts or any whole numbers, turned into what the loss takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from server.intake.blocks import Array, row_blocks
from server.intake.bounds import BLOCK_BYTES
from server.intake.findings import WORDS, Findings
from server.intake.npy import open_array
from server.intake.npy_rows import NpyRows
from server.intake.number_checks import extent, first_not_finite, first_not_whole
from server.rules.intake_values import ArrayFile
from volunteer.plan.objectives import LabelRule

Classes = tuple[str, ...] | tuple[int, ...]
_LISTED = 10


@dataclass(frozen=True)
class RawLabels:
    """The labels of one part as numbers; `names[i]` is the text that number i stands for, if they were texts."""

    array: ArrayFile
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Encoder:
    """How labels are to be read. `known` are the classes of the training labels, for those of validation."""

    rule: LabelRule
    encoding: str
    path: Path
    field: str
    findings: Findings
    training: bool = True
    known: Classes | None = None

    def encoded(self, raw: RawLabels) -> tuple[ArrayFile, Classes | None] | None:
        """The labels as the loss takes them and the classes that numbers stand for, None where they are their own.

        None, with a problem noted, if they cannot be used. What is no class labels at all is returned as it is.
        """
        if not raw.array.rows:
            return raw.array, None
        if raw.names is not None:
            return self._encoded_names(raw, raw.names)
        row = raw.array.shape[1:]
        if self.encoding == "none" or not self._one_class_a_row or row not in ((), (1,)):
            return raw.array, None
        numbers = open_array(Path(raw.array.path)).reshape(-1)
        if first_not_finite(numbers) is not None:
            return raw.array, None
        low, high = extent(numbers)
        if self.known is None and self._fits(low, high):
            whole = first_not_whole(numbers) is None
            if self.rule.kind == "one_hot" and whole:
                return self._written(numbers, lambda block: block.astype(np.int64)), None
            return raw.array, None
        if first_not_whole(numbers) is not None or (not self.training and self.known is None):
            return raw.array, None
        return self._encoded_numbers(raw, numbers, int(low), int(high))

    @property
    def _one_class_a_row(self) -> bool:
        """Whether the loss wants one of some classes for each example."""
        shape, kind = self.rule.shape, self.rule.kind
        return (
            (kind == "integer" and shape == ())
            or (kind == "one_hot" and len(shape) == 1 and self.rule.classes is not None)
            or (kind == "binary" and shape in ((), (1,)))
        )

    @property
    def _most(self) -> int:
        return 2 if self.rule.kind == "binary" else self.rule.classes or 2**31

    def _fits(self, low: float, high: float) -> bool:
        return low >= 0 and (high <= 1 if self.rule.kind == "binary" else high < self._most)

    def _encoded_names(self, raw: RawLabels, names: tuple[str, ...]) -> tuple[ArrayFile, Classes | None] | None:
        word = WORDS[self.field]
        if self.encoding == "none" or not self._one_class_a_row:
            why = "label encoding is off" if self.encoding == "none" else "the loss takes numbers"
            self.findings.problem(self.field, f"{word} hold text instead of numbers (such as “{names[0]}”), but {why}")
            return None
        if not self.training and self.known is None:
            self.findings.problem(
                self.field, f"{word} hold text (such as “{names[0]}”), but the training labels are numbers"
            )
            return None
        classes = self._classes(names)
        if classes is None:
            return None
        place = {name: number for number, name in enumerate(classes)}
        table = np.array([place[name] for name in names], np.int64)
        codes = open_array(Path(raw.array.path)).reshape(-1)
        return self._written(codes, lambda block: table[block]), classes

    def _encoded_numbers(
        self, raw: RawLabels, numbers: Array, low: int, high: int
    ) -> tuple[ArrayFile, Classes | None] | None:
        if self.known is not None and any(isinstance(name, str) for name in self.known):
            self.findings.problem(
                self.field,
                f"{WORDS[self.field]} hold numbers, but the training labels are texts such as “{self.known[0]}”",
            )
            return None
        values = _distinct(numbers, self._most)
        if values is None and self.known is None:
            self.findings.problem(
                self.field,
                f"{WORDS[self.field]} go from {low} to {high} but the model has {self._most} outputs, so "
                f"{WORDS[self.field]} must be 0 to {self._most - 1}"
                if self.rule.kind != "binary"
                else f"{WORDS[self.field]} go from {low} to {high} and hold more than two different numbers, but the "
                "loss takes 0 and 1",
            )
            return None
        classes = self._classes(values or _distinct(numbers, 2**31) or ())
        if classes is None:
            return None
        ordered = np.array(classes, np.int64)
        return self._written(numbers, lambda block: np.searchsorted(ordered, block.astype(np.int64))), classes

    def _classes(self, values: Sequence[Any]) -> Classes | None:
        """The classes in order: those of training where they are known. None if these values are not among them."""
        word = WORDS[self.field]
        if self.known is not None:
            strange = [value for value in values if value not in set(self.known)]
            if strange:
                self.findings.problem(
                    self.field, f"{word} hold {_listed(strange)}, which the training labels do not have"
                )
                return None
            return self.known
        if len(values) > self._most:
            outputs = "takes two" if self.rule.kind == "binary" else f"has {self._most} outputs"
            self.findings.problem(
                self.field,
                f"{word} hold {len(values):,} different values ({_listed(values)}), but the model {outputs}",
            )
            return None
        self.findings.remark(
            self.field, f"{word} are numbered 0 to {len(values) - 1} in this order: {_listed(values)}"
        )
        return tuple(values)

    def _written(self, source: Array, numbers: Callable[[Array], Array]) -> ArrayFile:
        """Class numbers, or one-hot rows of them where the loss wants those."""
        classes = self._most if self.rule.kind == "one_hot" else 0
        shape, dtype = ((len(source), classes), np.uint8) if classes else ((len(source),), np.int32)
        with NpyRows(self.path, dtype, shape) as file:
            step = max(1, BLOCK_BYTES // max(8, classes))
            for start in range(0, len(source), step):
                codes = numbers(source[start : start + step])
                file.add(np.equal(codes[:, None], np.arange(classes)) if classes else codes)
        return file.array("y")


def _listed(values: Sequence[Any]) -> str:
    some = ", ".join(f"“{value}”" if isinstance(value, str) else str(value) for value in values[:_LISTED])
    return some + (", ..." if len(values) > _LISTED else "")


def _distinct(numbers: Array, most: int) -> list[int] | None:
    """The different whole numbers in order; None if there are more than `most`."""
    found: Array = np.zeros(0, np.int64)
    for _, block in row_blocks(numbers):
        found = np.union1d(found, block.astype(np.int64))
        if len(found) > most:
            return None
    return [int(value) for value in found]
