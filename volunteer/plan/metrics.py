"""Permitted metrics: those whose state variables add up over mini-batches, wherever these were computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from volunteer.plan.arguments import Check, choice, either, flag, integer, number, optional, several, text
from volunteer.plan.bounds import DEFAULT
from volunteer.plan.json_tree import plain_tree
from volunteer.plan.losses import label_rules
from volunteer.plan.named_objects import Kind
from volunteer.plan.parts import plain_name
from volunteer.plan.refused import Refused

_Arguments = dict[str, tuple[Check, Any]]

_SHARE = number(0, 1)
_THRESHOLDS: _Arguments = {"thresholds": (optional(either(_SHARE, several(_SHARE, 1, 200))), None)}
_POINT: _Arguments = {"num_thresholds": (integer(2, 1000), 200), "class_id": (optional(integer(0)), None)}
_COUNTED: _Arguments = {
    **_THRESHOLDS,
    "top_k": (optional(integer()), None),
    "class_id": (optional(integer(0)), None),
}
_CLASSES: _Arguments = {"num_classes": (integer(2, 10_000), None)}
_TARGETS: _Arguments = {"target_class_ids": (several(integer(0), 1, 1000), None)}
_IGNORED: _Arguments = {"ignore_class": (optional(integer(-1)), None)}
_SPARSE: _Arguments = {
    "sparse_y_true": (flag, True),
    "sparse_y_pred": (flag, True),
    "axis": (integer(-8, 8), -1),
}
_ONE_HOT: _Arguments = {"sparse_y_pred": (flag, False), "axis": (integer(-8, 8), -1)}
_LOGITS: _Arguments = {"from_logits": (flag, False)}
_SMOOTH: _Arguments = {**_LOGITS, "label_smoothing": (number(0, 1), 0.0)}
_AVERAGE: _Arguments = {
    "average": (choice(None, "micro", "macro", "weighted"), None),
    "threshold": (optional(_SHARE), None),
}

_TABLE: dict[str, _Arguments] = {
    "BinaryAccuracy": {"threshold": (_SHARE, 0.5)},
    "CategoricalAccuracy": {},
    "SparseCategoricalAccuracy": {},
    "TopKCategoricalAccuracy": {"k": (integer(), 5)},
    "SparseTopKCategoricalAccuracy": {"k": (integer(), 5), "from_sorted_ids": (choice(False), False)},
    "Accuracy": {},
    "MeanSquaredError": {},
    "RootMeanSquaredError": {},
    "MeanAbsoluteError": {},
    "MeanAbsolutePercentageError": {},
    "MeanSquaredLogarithmicError": {},
    "LogCoshError": {},
    "CosineSimilarity": {"axis": (integer(-8, 8), -1)},
    "Poisson": {},
    "KLDivergence": {},
    "Hinge": {},
    "SquaredHinge": {},
    "CategoricalHinge": {},
    "BinaryCrossentropy": _SMOOTH,
    "CategoricalCrossentropy": {**_SMOOTH, "axis": (choice(-1), -1)},
    "SparseCategoricalCrossentropy": {
        **_LOGITS,
        "ignore_class": (choice(None), None),
        "axis": (choice(-1), -1),
    },
    "Precision": _COUNTED,
    "Recall": _COUNTED,
    "TruePositives": _THRESHOLDS,
    "TrueNegatives": _THRESHOLDS,
    "FalsePositives": _THRESHOLDS,
    "FalseNegatives": _THRESHOLDS,
    "AUC": {
        "num_thresholds": (integer(2, 1000), 200),
        "curve": (choice("ROC", "PR", "PRGAIN"), "ROC"),
        "summation_method": (choice("interpolation", "minoring", "majoring"), "interpolation"),
        "thresholds": (optional(several(_SHARE, 1, 1000)), None),
        "multi_label": (flag, False),
        "num_labels": (optional(integer(1, 10_000)), None),
        "label_weights": (optional(several(number(0), 1, 10_000)), None),
        **_LOGITS,
    },
    "PrecisionAtRecall": {"recall": (_SHARE, None), **_POINT},
    "RecallAtPrecision": {"precision": (_SHARE, None), **_POINT},
    "SensitivityAtSpecificity": {"specificity": (_SHARE, None), **_POINT},
    "SpecificityAtSensitivity": {"sensitivity": (_SHARE, None), **_POINT},
    "IoU": {**_CLASSES, **_TARGETS, **_IGNORED, **_SPARSE},
    "MeanIoU": {**_CLASSES, **_IGNORED, **_SPARSE},
    "BinaryIoU": {"target_class_ids": (several(integer(0, 1), 1, 2), [0, 1]), "threshold": (_SHARE, 0.5)},
    "OneHotIoU": {**_CLASSES, **_TARGETS, **_IGNORED, **_ONE_HOT},
    "OneHotMeanIoU": {**_CLASSES, **_IGNORED, **_ONE_HOT},
    "F1Score": _AVERAGE,
    "FBetaScore": {**_AVERAGE, "beta": (number(1e-6), 1.0)},
}
_UNADDABLE = "its state cannot be added up over the mini-batches of several hosts"

METRIC = Kind(
    word="metric",
    field="metrics",
    module="keras.metrics",
    table={name: {"name": (optional(text(64)), None), **arguments} for name, arguments in _TABLE.items()},
    aliases={
        "mse": "MeanSquaredError",
        "rmse": "RootMeanSquaredError",
        "mae": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError",
        "msle": "MeanSquaredLogarithmicError",
        "kld": "KLDivergence",
        "kullback_leibler_divergence": "KLDivergence",
        "bce": "BinaryCrossentropy",
        "logcosh": "LogCoshError",
        "cosine": "CosineSimilarity",
        "cosine_proximity": "CosineSimilarity",
    },
    dropped={
        "dtype": ("float32", "int64", "int32", None),
        "init_thresholds": (None,),
        "multi_class": (False,),
    },
    reasons=dict.fromkeys(
        ("PearsonCorrelation", "ConcordanceCorrelation", "R2Score", "Sum", "Mean"), _UNADDABLE
    ),
)
METRICS: tuple[str, ...] = (
    "accuracy",
    *(name for name in _TABLE if name != "Accuracy" and "IoU" not in name),
)

_SHORT = {"accuracy": "Accuracy", "acc": "Accuracy", "crossentropy": "Crossentropy", "ce": "Crossentropy"}


def canonical_metrics(
    raw_list: Any, loss: Mapping[str, Any] | None, output_shape: tuple[int | None, ...]
) -> list[dict[str, Any]]:
    """Canonical metrics of names and stored objects, "accuracy" resolved as Keras does.

    Raises Refused(field="metrics").
    """
    canonical: list[dict[str, Any]] = []
    names = {"loss"}
    for raw in _flat(plain_tree(raw_list, DEFAULT)):
        metric = METRIC.read(_resolved(raw, loss, output_shape))
        _check_labels(metric, loss, output_shape)
        stem = metric["config"]["name"] or _snake(metric["class_name"])
        name, count = stem, 0
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.add(name)
        metric["config"]["name"] = name
        canonical.append(metric)
    if len(canonical) > 20:
        raise Refused(f"{len(canonical)} metrics are too many; choose 20 at most.", "metrics")
    return canonical


def _flat(raw: Any) -> Iterator[Any]:
    """Metrics out of the lists and dictionaries by output in which Keras stores them."""
    if isinstance(raw, dict) and "class_name" not in raw:
        raw = list(raw.values())
    if isinstance(raw, list):
        for item in raw:
            yield from _flat(item)
    elif raw is not None:
        yield raw


def _resolved(raw: Any, loss: Mapping[str, Any] | None, output_shape: tuple[int | None, ...]) -> Any:
    """Make plain the names that Keras resolves by labels and outputs, and Keras 2's wrapped functions."""
    if isinstance(raw, dict) and raw.get("class_name") == "MeanMetricWrapper":
        config = dict(raw.get("config") or {}) if isinstance(raw.get("config"), dict) else {}
        function = config.pop("fn", None)
        function = function.get("config") if isinstance(function, dict) else function
        return {"class_name": METRIC.class_name(function), "config": config}
    short = raw.lower() if isinstance(raw, str) and raw.lower() in _SHORT else None
    if short is None:
        return raw
    if loss is None:
        raise Refused(f"The metric '{short}' depends on the loss; choose the loss first.", "metrics")
    if output_shape and output_shape[-1] == 1:
        kind = "Binary"
    else:
        kind = "SparseCategorical" if label_rules(loss, output_shape).kind == "integer" else "Categorical"
    return {"class_name": kind + _SHORT[short], "config": {"name": short}}


def _check_labels(
    metric: Mapping[str, Any], loss: Mapping[str, Any] | None, output_shape: tuple[int | None, ...]
) -> None:
    if loss is None:
        return
    name = metric["class_name"]
    integer_labels = label_rules(loss, output_shape).kind == "integer"
    if name.startswith("Sparse") and not integer_labels:
        raise Refused(
            f"The metric {name} wants class numbers, but the loss {loss['class_name']} does not.", "metrics"
        )
    if name.startswith(("Categorical", "TopK")) and integer_labels:
        raise Refused(f"The metric {name} wants one-hot labels, but the loss wants class numbers.", "metrics")


def _snake(class_name: str) -> str:
    known = {plain_name(name): name for name in ("auc", "f1_score", "fbeta_score", "io_u", "kl_divergence")}
    if plain_name(class_name) in known:
        return known[plain_name(class_name)]
    letters = [
        f"_{letter.lower()}" if letter.isupper() and at else letter.lower()
        for at, letter in enumerate(class_name)
    ]
    return "".join(letters)
