"""What was done to the data before training, as label and text: it must be done again to what the model is given."""

from collections.abc import Mapping, Sequence
from typing import Any

_MOST_NAMES = 12
_KINDS = {
    "unit": "brought to 0 to 1",
    "standard": "each feature's mean taken off, divided by its spread",
}


def preprocessing_in_words(preprocessing: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of the JSON that is recorded with a project; nothing where nothing was done."""
    image, labels = preprocessing.get("image") or {}, preprocessing.get("labels") or {}
    lines = [
        ("Images", _image(image)),
        ("Columns", _names(preprocessing.get("columns") or ())),
        ("Label column", str(preprocessing.get("label_column") or "")),
        ("Scaling", _scaling(preprocessing.get("scaling") or {})),
        ("Classes, in the order of the model's answers", _names(labels.get("classes") or ())),
    ]
    return [line for line in lines if line[1]]


def _image(image: Mapping[str, Any]) -> str:
    size, channels = image.get("size") or (), image.get("channels")
    sides = " × ".join(str(side) for side in size)
    colours = {None: "", 1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    return ", ".join(word for word in (sides, colours) if word)


def _names(names: Sequence[Any]) -> str:
    more = len(names) - _MOST_NAMES
    shown = [str(each.get("name", "")) if isinstance(each, Mapping) else str(each) for each in names[:_MOST_NAMES]]
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _scaling(scaling: Mapping[str, Any]) -> str:
    """Single numbers are said; lists of them stand in the file to be downloaded."""
    kind = str(scaling.get("kind") or "")
    applied = [numbers for numbers in (scaling.get("inputs") or {}).values() if isinstance(numbers, Mapping)]
    if not kind:
        return ""
    has_lists = any(isinstance(number, list) for numbers in applied for number in numbers.values())
    said = {_formula(numbers) for numbers in applied} if not has_lists else set()
    return _KINDS.get(kind, kind) + (f": {said.pop()}" if len(said) == 1 else "")


def _formula(numbers: Mapping[str, Any]) -> str:
    less, by = float(numbers.get("subtract") or 0.0), float(numbers.get("divide_by") or 1.0)
    if less == 0:
        return f"x ÷ {by:g}"
    return f"(x {'−' if less > 0 else '+'} {abs(less):g}) ÷ {by:g}"
