"""What is done to uploaded data before training: asked for in the form, recorded with the project. No I/O."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from server.rules.problems import Problem

VERSION = 1
ENCODINGS = ("auto", "none")
SCALINGS = ("none", "unit", "standard")
LONGEST_SIDE = 4096
_SIZE = re.compile(r"\s*(\d{1,5})\s*[x×*,]\s*(\d{1,5})\s*\Z", re.IGNORECASE)


class Preparation(msgspec.Struct, frozen=True):
    """`label_column` names the column of a table that holds the labels; `image_size` is (height, width).

    label_encoding "auto" turns text and arbitrary whole numbers into what the loss takes. scaling "unit" brings the
    numbers to 0 to 1, "standard" to mean 0 and standard deviation 1.
    """

    label_column: str = ""
    label_encoding: str = "auto"
    scaling: str = "none"
    image_size: tuple[int, int] | None = None


def read_preparation(form: Mapping[str, str]) -> tuple[Preparation, list[Problem]]:
    """What the form's texts ask for. A text that cannot be understood is a problem, and its default is taken."""
    problems: list[Problem] = []
    return (
        Preparation(
            label_column=form.get("label_column", "").strip(),
            label_encoding=_one_of(form, "label_encoding", ENCODINGS, problems),
            scaling=_one_of(form, "scaling", SCALINGS, problems),
            image_size=_size(form.get("image_size", ""), problems),
        ),
        problems,
    )


def _one_of(form: Mapping[str, str], field: str, choices: tuple[str, ...], problems: list[Problem]) -> str:
    text = form.get(field, "").strip()
    if text and text not in choices:
        problems.append(Problem(field, f"“{text[:40]}” is none of {', '.join(choices)}."))
    return text if text in choices else choices[0]


def _size(text: str, problems: list[Problem]) -> tuple[int, int] | None:
    if not text.strip():
        return None
    match = _SIZE.match(text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(1 <= side <= LONGEST_SIDE for side in size):
        problems.append(Problem("image_size", f"“{text[:40]}” is no size: write height x width, such as 28x28."))
        return None
    return size


def recorded(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a project keeps of what was done to its data; empty where nothing was."""
    kept = {name: value for name, value in facts.items() if value not in (None, {}, [], "")}
    return {"version": VERSION, **kept} if kept else {}
