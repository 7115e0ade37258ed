"""Permitted losses: means over the examples, so that hosts' sums add up to what Keras minimises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from volunteer.plan.arguments import Check, choice, flag, number, optional, text
from volunteer.plan.bounds import DEFAULT
from volunteer.plan.json_tree import plain_tree
from volunteer.plan.named_objects import Kind
from volunteer.plan.refused import Refused
from volunteer.plan.rules import ANYTHING

_LAST = (choice(-1), -1)
_LOGITS: dict[str, tuple[Check, Any]] = {"from_logits": (flag, False)}
_SMOOTH: dict[str, tuple[Check, Any]] = {**_LOGITS, "label_smoothing": (number(0, 1), 0.0), "axis": _LAST}
_FOCAL: dict[str, tuple[Check, Any]] = {
    "alpha": (number(0, 1), 0.25),
    "gamma": (number(0, 100), 2.0),
    **_SMOOTH,
}

_TABLE: dict[str, dict[str, tuple[Check, Any]]] = {
    "SparseCategoricalCrossentropy": {**_LOGITS, "ignore_class": (choice(None), None), "axis": _LAST},
    "CategoricalCrossentropy": _SMOOTH,
    "BinaryCrossentropy": _SMOOTH,
    "MeanSquaredError": {},
    "MeanAbsoluteError": {},
    "Huber": {"delta": (number(0), 1.0)},
    "LogCosh": {},
    "MeanAbsolutePercentageError": {},
    "MeanSquaredLogarithmicError": {},
    "Poisson": {},
    "KLDivergence": {},
    "CosineSimilarity": {"axis": _LAST},
    "CategoricalFocalCrossentropy": _FOCAL,
    "BinaryFocalCrossentropy": {"apply_class_balancing": (flag, False), **_FOCAL},
    "CategoricalGeneralizedCrossEntropy": {"q": (number(0, 1), 0.5)},
    "Hinge": {},
    "SquaredHinge": {},
    "CategoricalHinge": {},
}

_WHOLE_BATCH = "it is computed over a whole mini-batch, not as a mean over its examples"

LOSS = Kind(
    word="loss",
    field="loss",
    module="keras.losses",
    table={name: {**arguments, "name": (optional(text(64)), None)} for name, arguments in _TABLE.items()},
    aliases={
        "mse": "MeanSquaredError",
        "mae": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError",
        "msle": "MeanSquaredLogarithmicError",
        "kld": "KLDivergence",
        "kullback_leibler_divergence": "KLDivergence",
        "bce": "BinaryCrossentropy",
        "huber_loss": "Huber",
        "logcosh": "LogCosh",
        "cosine": "CosineSimilarity",
    },
    dropped={
        "reduction": ("sum_over_batch_size", "auto", "mean", None),
        "dtype": ("float32", None),
        "fn": ANYTHING,
    },
    reasons=dict.fromkeys(
        ("Dice", "Tversky", "Circle", "CTC", "dice", "tversky", "circle", "ctc"), _WHOLE_BATCH
    ),
)
LOSSES: tuple[str, ...] = tuple(_TABLE)


class LabelRule(msgspec.Struct, frozen=True):
    """What the labels of a loss must look like.

    kind: "integer" (class numbers below `classes`), "one_hot" (`classes` shares along the last axis),
    "binary" (0 and 1, or shares between) or "real"; shape: that of one example's label.
    """

    kind: str
    classes: int | None
    shape: tuple[int | None, ...]


def canonical_loss(raw: Any) -> dict[str, Any]:
    """The canonical loss of a name ("mse") or of what Keras 2 or 3 stored; else Refused(field="loss")."""
    raw = plain_tree(raw, DEFAULT)
    if isinstance(raw, dict) and isinstance(raw.get("config"), dict):
        reduction = raw["config"].get("reduction")
        if isinstance(reduction, str) and reduction in ("sum", "none"):
            raise Refused(
                f"The loss has the reduction '{reduction}'; only the mean over the examples can be trained.",
                "loss",
            )
    canonical = LOSS.read(raw)
    if canonical["config"]["name"] is None:
        del canonical["config"]["name"]
    return canonical


_INTEGER = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy")
_ONE_HOT = ("CategoricalCrossentropy", "CategoricalFocalCrossentropy", "CategoricalHinge")
_BINARY = ("BinaryCrossentropy", "BinaryFocalCrossentropy")


def label_rules(loss: Mapping[str, Any], output_shape: tuple[int | None, ...]) -> LabelRule:
    """What labels must look like for a canonical loss on outputs of this shape (of one example).

    Raises Refused(field="loss") where the loss does not fit the model's output.
    """
    name = loss["class_name"]
    if name not in (*_INTEGER, *_ONE_HOT):
        return LabelRule("binary" if name in _BINARY else "real", None, output_shape)
    classes = output_shape[-1] if output_shape else 1
    if classes is not None and classes < 2:
        raise Refused(
            f"The loss {name} tells classes apart, but the model has one output; use BinaryCrossentropy, "
            "or give the last layer one unit for each class.",
            "loss",
        )
    if name in _INTEGER:
        return LabelRule("integer", classes, output_shape[:-1])
    return LabelRule("one_hot", classes, output_shape)
