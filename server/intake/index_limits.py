"""Which inputs of a model are looked up in an Embedding at once, and how many different numbers they take."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def index_limits(architecture: Mapping[str, Any]) -> dict[str, int]:
    """Input layer name -> the smallest `input_dim` of the Embedding layers that it feeds directly.

    `architecture` is canonical. A number outside 0..input_dim-1 in such an input would stop training, so it
    is looked for in the data beforehand.
    """
    limits: dict[str, int] = {}
    for name, layer in _fed(architecture):
        if layer.get("class_name") == "Embedding":
            size = int(layer["config"]["input_dim"])
            limits[name] = min(size, limits.get(name, size))
    return limits


def _fed(model: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Pairs of an input's name and a layer that takes that input as it is."""
    layers: Sequence[Mapping[str, Any]] = model["config"]["layers"]
    if model["class_name"] == "Sequential":
        if len(layers) > 1 and layers[0]["class_name"] == "InputLayer":
            yield from _entered(layers[0]["config"]["name"], layers[1])
        return
    inputs = {_name(layer) for layer in layers if layer["class_name"] == "InputLayer"}
    for layer in layers:
        for source in _sources(layer.get("inbound_nodes", ())):
            if source in inputs:
                yield from _entered(source, layer)


def _entered(source: str, layer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The layer itself, or, where it is a model with one input, the layers that its input feeds."""
    if layer.get("class_name") not in ("Sequential", "Functional"):
        yield source, layer
        return
    inner = list(_fed(layer))
    if len({name for name, _ in inner}) == 1:
        for _name_inside, fed in inner:
            yield source, fed


def _name(layer: Mapping[str, Any]) -> str:
    return str(layer["config"]["name"])


def _sources(value: Any) -> Iterator[str]:
    """Names of the layers whose outputs are referred to anywhere inside Keras 3's `inbound_nodes`."""
    if isinstance(value, Mapping):
        history = (
            value.get("config", {}).get("keras_history")
            if value.get("class_name") == "__keras_tensor__"
            else None
        )
        if history:
            yield str(history[0])
        else:
            for part in value.values():
                yield from _sources(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _sources(part)
