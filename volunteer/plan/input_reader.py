"""The inputs of a model: their shapes and dtypes, wherever a version of Keras keeps them."""

from __future__ import annotations

from typing import Any

from volunteer.plan.arguments import Unfit, integer, optional, several, show
from volunteer.plan.layer_reader import config_of, describe_layer, refuse_foreign
from volunteer.plan.nodes import clean_name
from volunteer.plan.refused import Refused

INPUT_DTYPES = ("float32", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")

_SHAPE = several(optional(integer()), 1, 8)
_IGNORED = {
    "name",
    "batch_shape",
    "batch_input_shape",
    "shape",
    "dtype",
    "trainable",
    "input_tensor",
    "batch_size",
}


def input_layer(name: str, shape: list[int | None], dtype: str) -> dict[str, Any]:
    """A canonical InputLayer; `shape` is that of one example, the batch is always left open."""
    config = {"batch_shape": [None, *shape], "dtype": dtype, "name": name}
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}


def read_input(raw: Any) -> dict[str, Any]:
    """The canonical form of an InputLayer of any Keras."""
    where = describe_layer(raw)
    refuse_foreign(raw)
    config = config_of(raw)
    for name, value in config.items():
        if name not in _IGNORED and (
            name not in ("sparse", "ragged", "optional") or value not in (False, None)
        ):
            raise Refused(f"{where}: argument {show(name)} cannot be {show(value)}; it is not supported.")
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    dtype = config.get("dtype") or "float32"
    try:
        name = clean_name(config.get("name", raw.get("name")))
        sizes = _SHAPE(shape)
    except Unfit as unfit:
        raise Refused(f"{where}: its shape and name must be plain; {unfit}.") from None
    if isinstance(dtype, dict):
        policy = dtype.get("config")
        dtype = policy.get("name") if isinstance(policy, dict) else None
    if dtype not in INPUT_DTYPES:
        raise Refused(f"{where} takes {show(dtype)}; an input can be float32 or whole numbers.")
    return input_layer(name, sizes[1:], dtype)


def declared_input(first: Any) -> tuple[list[int | None], str] | None:
    """Shape of one example and dtype that Keras 2 kept in a Sequential model's first layer."""
    config = first.get("config") if isinstance(first, dict) else None
    shape = config.get("batch_input_shape") if isinstance(config, dict) else None
    if not isinstance(shape, list):
        return None
    try:
        sizes = _SHAPE(shape)
    except Unfit as unfit:
        raise Refused(f"{describe_layer(first)}: the shape of its input must be {unfit}.") from None
    return sizes[1:], "float32"


def single_input(layer: dict[str, Any]) -> tuple[list[int | None], str] | None:
    """Shape and dtype of the one input that a canonical model declares; None for layers and open models."""
    if layer["class_name"] not in ("Sequential", "Functional"):
        return None
    inputs = [inner["config"] for inner in layer["config"]["layers"] if inner["class_name"] == "InputLayer"]
    if len(inputs) != 1:
        return None
    return list(inputs[0]["batch_shape"][1:]), inputs[0]["dtype"]
