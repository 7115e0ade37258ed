"""The weight of each class's examples in the loss: from the form's text, or so that all classes count alike."""

import re
from collections.abc import Sequence

from volunteer.plan.objectives import LabelRule
from volunteer.plan.order import validation_counts
from volunteer.plan.project_plan import MOST_CLASSES
from volunteer.plan.refused import Refused

BALANCED = "balanced"
MOST_WEIGHT = 1000.0
_PAIR = re.compile(r"\s*(\d{1,7})\s*[:=]\s*([0-9.eE+-]+)\s*\Z")


def read_pairs(text: str) -> dict[int, float]:
    """The weights of a text like "0:1, 1:5". Raises ValueError with a sentence that says what is wrong with it."""
    weights: dict[int, float] = {}
    for part in filter(str.strip, text.split(",")):
        match = _PAIR.match(part)
        if match is None:
            raise ValueError(f"“{part.strip()[:40]}” is not a class and its weight, as in 0:1, 1:5.")
        number = int(match[1])
        try:
            weight = float(match[2])
        except ValueError:
            raise ValueError(f"“{match[2][:40]}” is not a number.") from None
        if not 0 <= weight <= MOST_WEIGHT:
            raise ValueError(f"The weight of class {number} is out of range: 0 to {MOST_WEIGHT:g}.")
        if number in weights:
            raise ValueError(f"Class {number} has two weights.")
        weights[number] = weight
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


def explicit(text: str, rule: LabelRule) -> list[float]:
    """The weight of each class; what is not named weighs 1, as in Keras. Raises Refused."""
    classes = classes_of(rule)
    weights = read_pairs(text)
    largest = max(weights, default=0)
    if largest >= classes:
        raise Refused(f"There is no class {largest}: the model tells 0 to {classes - 1} apart.", "class_weights")
    return [weights.get(number, 1.0) for number in range(classes)]


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
