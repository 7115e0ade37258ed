"""A project's settings and preprocessing as they were recorded, in words: label and text, in the order shown."""

from collections.abc import Mapping
from typing import Any

from server.web.words import duration, measure, number

Facts = list[tuple[str, str]]
_MOST_NAMES = 12


def settings_facts(settings: Mapping[str, Any]) -> Facts:
    """What the requestor chose; what follows from the model file is said to."""
    from_file = "as in the model's file"
    pairs: list[tuple[str, Any]] = [
        ("Batch size", _count(settings.get("batch_size"))),
        ("K", _count(settings.get("k"))),
        ("Epochs", _count(settings.get("epochs"))),
        ("Optimizer", _word(settings.get("optimizer")) or from_file),
        ("Learning rate", _rate(settings) or from_file),
        ("Schedule", _schedule(settings)),
        ("Loss", _word(settings.get("loss")) or from_file),
        ("Metrics", ", ".join(_word(name) for name in settings.get("metrics") or ()) or from_file),
        ("Held out for validation", _share(settings.get("validation_fraction"))),
        ("Early stopping", _patience(settings.get("early_stopping"))),
        ("Class weights", _word(settings.get("class_weights"))),
        ("Examples a shard", _count(settings.get("shard_examples"))),
        ("Longest time for a work unit", _seconds(settings.get("report_deadline"))),
        ("Seed", settings.get("seed")),
    ]
    return [(label, str(text)) for label, text in pairs if text not in (None, "")]


def preprocessing_facts(preprocessing: Mapping[str, Any]) -> Facts:
    """What was done to the data before training, and must be done again before the model is used."""
    image = preprocessing.get("image") or {}
    labels = preprocessing.get("labels") or {}
    pairs = [
        ("Images", _image(image) if isinstance(image, Mapping) else ""),
        ("Label column", str(preprocessing.get("label_column") or "")),
        ("Columns", _names(preprocessing.get("columns"))),
        ("Scaling", _scaling(preprocessing.get("scaling"))),
        ("Classes", _names(labels.get("classes")) if isinstance(labels, Mapping) else ""),
    ]
    return [(label, text) for label, text in pairs if text]


def _count(value: Any) -> str:
    return number(value) if value is not None else ""


def _word(value: Any) -> str:
    return str(value or "").replace("_", " ")


def _share(value: Any) -> str:
    return f"{100 * value:g} %" if value else ""


def _seconds(value: Any) -> str:
    return duration(value) if value else ""


def _rate(settings: Mapping[str, Any]) -> str:
    rate = settings.get("learning_rate")
    said = f"{rate:g}" if rate is not None else ""
    if settings.get("scale_learning_rate"):
        said = f"{said or 'as in the file'}, multiplied by K"
    return said


def _schedule(settings: Mapping[str, Any]) -> str:
    name, warm_up = _word(settings.get("schedule")), settings.get("warmup_rounds") or 0
    if name in ("", "constant") and not warm_up:
        return ""
    return (name or "constant") + (f", after {number(warm_up)} rounds of warm-up" if warm_up else "")


def _patience(epochs: Any) -> str:
    if not epochs:
        return ""
    return f"after {number(epochs)} epoch{'' if epochs == 1 else 's'} without a better validation loss"


def _image(image: Mapping[str, Any]) -> str:
    size, channels = image.get("size") or (), image.get("channels")
    words = " × ".join(str(side) for side in size)
    return words + (f", {channels} channel{'' if channels == 1 else 's'}" if channels else "")


def _names(names: Any) -> str:
    if not isinstance(names, list | tuple):
        return ""
    texts = [str(each.get("name", "")) if isinstance(each, Mapping) else str(each) for each in names]
    more = len(texts) - _MOST_NAMES
    return ", ".join(texts[:_MOST_NAMES]) + (f" and {number(more)} more" if more > 0 else "")


def _scaling(scaling: Any) -> str:
    """Short numbers are said; long lists of them stand in the file of the recipe."""
    if not scaling:
        return ""
    if not isinstance(scaling, Mapping):
        return _word(scaling)
    kind = _word(scaling.get("kind") or scaling.get("name"))
    numbers = [
        f"{_word(name)} {measure(float(value))}"
        for name, value in scaling.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return ", ".join([kind, *numbers] if kind else numbers) or "by each feature's own numbers"
