"""Which array of an .npz is what, by the names that people use: data and labels, for training and validation."""

from dataclasses import dataclass

from server.rules.intake_values import ArrayFile

_DATA = ("x", "data", "images", "features", "inputs", "x_train", "train_x", "train_images", "train_data")
_LABELS = ("y", "labels", "label", "targets", "target", "y_train", "train_y", "train_labels")
_HELD_OUT = ("val", "valid", "validation", "test")
_HELD_OUT_DATA = tuple(
    name for word in _HELD_OUT for name in (f"x_{word}", f"{word}_x", f"{word}_images", f"{word}_data")
)
_HELD_OUT_LABELS = tuple(name for word in _HELD_OUT for name in (f"y_{word}", f"{word}_y", f"{word}_labels"))


@dataclass(frozen=True)
class Sorted:
    """`data` by the names in the file; `labels`, `held_out_data` and `held_out_labels` where there are such names."""

    data: dict[str, ArrayFile]
    labels: ArrayFile | None
    held_out_data: dict[str, ArrayFile]
    held_out_labels: ArrayFile | None


def sorted_arrays(arrays: dict[str, ArrayFile], inputs: list[str]) -> Sorted:
    """What is named like an input of the model is that input, whatever else the name may mean."""
    rest = {name: array for name, array in arrays.items() if name not in inputs}
    labels = _first(rest, _LABELS)
    held_out, held_out_labels = _first(rest, _HELD_OUT_DATA), _first(rest, _HELD_OUT_LABELS)
    special = {name for name in (labels, held_out, held_out_labels) if name is not None}
    data = {name: array for name, array in arrays.items() if name not in special}
    chosen = _first(data, _DATA)
    if len(inputs) == 1 and inputs[0] not in data and chosen is not None:
        data = {chosen: data[chosen], **{name: array for name, array in data.items() if name != chosen}}
    if not data:
        # Labels alone, say: then it is the one array of the file.
        data, labels = dict(arrays), None
    return Sorted(
        data,
        arrays[labels] if labels is not None else None,
        {held_out: arrays[held_out]} if held_out is not None else {},
        arrays[held_out_labels] if held_out_labels is not None else None,
    )


def is_known_data(name: str) -> bool:
    return name.lower() in _DATA


def _first(arrays: dict[str, ArrayFile], names: tuple[str, ...]) -> str | None:
    here = {name.lower(): name for name in arrays}
    return next((here[name] for name in names if name in here), None)
