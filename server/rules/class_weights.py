"""The weight of each class's examples in the loss: from the form's text, or so that all classes count alike."""

import re
from collections.abc import Sequence

from volunteer.plan.objectives import LabelRule
from volunteer.plan.order import validation_counts
from volunteer.plan.project_plan import MOST_CLASSES
from volunteer.plan.refused import Refused

BALANCED = "balanced"
MOST_WEIGHT = 1000.0
_PAIR = re.compile(r"\s*(\S|\S.{0,98}\S)\s*[:=]\s*([0-9.eE+-]+)\s*\Z", re.DOTALL)


def read_pairs(text: str) -> dict[str, float]:
    """The weights of a text like "0:1, 1:5", by the class's number or name, which may have no comma.

    Raises ValueError with a sentence that says what is wrong with it.
    """
    weights: dict[str, float] = {}
    for part in filter(str.strip, text.split(",")):
        match = _PAIR.match(part)
        if match is None:
            raise ValueError(f"“{part.strip()[:40]}” is not a class and its weight, as in 0:1, 1:5, nor “balanced”.")
        name = match[1]
        try:
            weight = float(match[2])
        except ValueError:
            raise ValueError(f"“{match[2][:40]}” is not a number.") from None
        if not 0 <= weight <= MOST_WEIGHT:
            raise ValueError(f"The weight of class {name[:40]} is out of range: 0 to {MOST_WEIGHT:g}.")
        if name in weights:
            raise ValueError(f"Class {name[:40]} has two weights.")
        weights[name] = weight
    if weights and not any(weights.values()):
        raise ValueError("All weights are 0, so there would be nothing to learn.")
    return weights


def classes_of(rule: LabelRule) -> int:
    """How many classes may have a weight. Raises Refused (field "class_weights") where examples have no one class."""
    if rule.kind == "one_hot" and len(rule.shape) == 1 and rule.classes:
        return min(rule.classes, MOST_CLASSES)
    if rule.kind == "integer" and not rule.shape and rule.classes:
        return min(rule.classes, MOST_CLASSES)
    if rule.kind == "binary" and rule.shape == (1,):
        return 2
    raise Refused(
        "Class weights need a loss that tells classes apart and one class for each example; leave this empty.",
        "class_weights",
    )


def explicit(text: str, rule: LabelRule, names: Sequence[str] = ()) -> list[float]:
    """The weight of each class; what is not named weighs 1, as in Keras. Raises Refused.

    `names`: of the classes in the order of their numbers, where the labels came as names.
    """
    found = [1.0] * classes_of(rule)
    for name, weight in read_pairs(text).items():
        number = names.index(name) if name in names else int(name) if name.isdecimal() else len(found)
        if number >= len(found):
            known = f"the classes are {', '.join(names[:10])}" if names else "classes are numbers"
            raise Refused(f"There is no class {name[:40]}: {known}, 0 to {len(found) - 1}.", "class_weights")
        found[number] = weight
    return found


def by_number(weights: Sequence[float]) -> str:
    """The text that says the same weights of classes 0, 1, ..."""
    return ",".join(f"{number}:{_exactly(weight)}" for number, weight in enumerate(weights) if weight != 1)


def _exactly(weight: float) -> str:
    return repr(float(weight)).removesuffix(".0")


def balanced(counts: Sequence[int], validation_fraction: float, has_validation_data: bool) -> list[float]:
    """n / (k n_c) of the examples that are trained on: as if each of the k classes that occur had n / k of them.

    `counts`: examples of each class before some are set aside by `validation_fraction`.
    """
    left = list(counts)
    if validation_fraction and not has_validation_data:
        taken = validation_counts(sum(counts), validation_fraction, counts)
        # One number: the draw was over all rows, too few to tell of each class.
        left = [count - held for count, held in zip(counts, taken, strict=True)] if len(taken) == len(left) else left
    there = sum(1 for count in left if count)
    return [sum(left) / (there * count) if count else 1.0 for count in left]
