"""Which arrays of a model file are weights, and where each stands in the file that we write ourselves.

Two layouts exist. "h5": `model_weights`, with lists of layer and weight names in attributes (`.h5` files).
"keras": a tree of `layers/<class>/vars/<n>` (the weights file inside a `.keras` archive).
"""

from dataclasses import dataclass, field

import h5py

from server.intake import bounds
from server.intake.damaged import damaged
from server.intake.hdf5_attributes import read_names, read_text
from server.intake.hdf5_walk import Dataset, Survey
from volunteer.plan.refused import Refused

_WEIGHTS_GROUP = "model_weights"
_TOP_LEVEL = "top_level_model_weights"
# Keras 2.13 and earlier, and Keras 2's attention layer, under the names that Keras 3 looks for.
_RENAMED = {"_layer_checkpoint_dependencies": "layers"} | {
    f"_{part}_dense": f"{part}_dense" for part in ("query", "key", "value", "output")
}


@dataclass(frozen=True)
class Entry:
    """One array of weights: its place in the clean file, and the array in the file it came from."""

    clean: str
    original: Dataset


@dataclass
class Layout:
    """`groups`: original path -> clean path. `lists` and `texts`: attributes, by (clean path, name)."""

    entries: list[Entry] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)
    lists: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)

    def require_reasonable(self) -> None:
        numbers = sum(entry.original.size for entry in self.entries)
        if numbers > bounds.WEIGHT_NUMBERS:
            raise Refused(
                f"The model has {numbers:,} weights; at most {bounds.WEIGHT_NUMBERS:,} are accepted."
            )
        if not self.entries:
            raise Refused(
                "The model file holds no weights: build the model (give it an Input) and save it again."
            )


def legacy_layout(file: h5py.File, found: Survey) -> Layout:
    """The layout of an `.h5` model file. Raises Refused where names and arrays do not belong together."""
    if _WEIGHTS_GROUP not in found.groups:
        raise Refused("The .h5 file holds no 'model_weights': it is not a whole model saved by Keras.")
    layout = Layout()
    root = file[_WEIGHTS_GROUP]
    layers = read_names(root, "layer_names")
    if len(set(layers)) != len(layers):
        raise damaged("two of its layers have the same name")
    groups = set(found.groups)
    layout.groups[_WEIGHTS_GROUP] = _WEIGHTS_GROUP
    layout.lists[_WEIGHTS_GROUP, "layer_names"] = layers
    for name in ("keras_version", "backend"):
        if (text := read_text(root, name)) is not None:
            layout.texts[_WEIGHTS_GROUP, name] = text
    top_level = [_TOP_LEVEL] if f"{_WEIGHTS_GROUP}/{_TOP_LEVEL}" in groups else []
    for layer in [*layers, *top_level]:
        path = f"{_WEIGHTS_GROUP}/{layer}"
        if path not in groups:
            raise damaged(f"the weights of layer '{layer}' are missing")
        layout.groups[path] = path
        names = read_names(file[path], "weight_names")
        layout.lists[path, "weight_names"] = names
        if len(set(names)) != len(names):
            raise damaged(f"two weights of layer '{layer}' have the same name")
        for weight in names:
            dataset = found.datasets.get(f"{path}/{weight}")
            if dataset is None:
                raise damaged(f"the weight '{weight}' of layer '{layer}' is missing")
            layout.entries.append(Entry(dataset.path, dataset))
    layout.require_reasonable()
    return layout


def tree_layout(file: h5py.File, found: Survey) -> Layout:
    """The layout of the weights inside a `.keras` archive: all but the states of optimizer and metrics."""
    layout = Layout()
    for path in found.groups:
        if _is_weight_path(path):
            layout.groups[path] = _renamed(path)
            if (text := read_text(file[path], "name")) is not None:
                layout.texts[_renamed(path), "name"] = text
    for path, dataset in found.datasets.items():
        if _is_weight_path(path):
            layout.entries.append(Entry(_renamed(path), dataset))
    if len({entry.clean for entry in layout.entries}) != len(layout.entries):
        raise damaged("two of its arrays claim the same place")
    layout.require_reasonable()
    return layout


def _is_weight_path(path: str) -> bool:
    return path.split("/", 1)[0] in ("layers", "_layer_checkpoint_dependencies", "vars")


def _renamed(path: str) -> str:
    return "/".join(_RENAMED.get(part, part) for part in path.split("/"))
