"""What the checks of one upload found: every problem and remark, in the order of finding."""

from dataclasses import dataclass, field

from server.rules.problems import Problem

WORDS = {
    "data": "data",
    "labels": "labels",
    "validation_data": "validation data",
    "validation_labels": "validation labels",
}
"""What people call the form's fields."""


@dataclass
class Findings:
    """`problems` stop the project; `remarks` do not."""

    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)

    def problem(self, field: str, sentence: str) -> None:
        self.problems.append(Problem(field, sentence))

    def remark(self, field: str, sentence: str) -> None:
        self.remarks.append(Problem(field, sentence))


def counted(number: int, noun: str) -> str:
    """ "1 row", "1,797 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shape_text(shape: tuple[int | None, ...]) -> str:
    """ "(8, any, 1)", and "a single number" for no dimensions at all."""
    if not shape:
        return "a single number"
    inside = ", ".join("any" if length is None else str(length) for length in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
