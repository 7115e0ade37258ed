"""A model's architecture as data: what a file says, checked against the allow-list and written canonically.

Knows no TensorFlow and never builds anything; Keras can build what passes here without
running foreign code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volunteer.plan.bounds import DEFAULT, Bounds, Meter
from volunteer.plan.model_reader import read_model
from volunteer.plan.refused import Refused
from volunteer.plan.shapes import InputSpec, ModelShape, Shape
from volunteer.plan.walk import Value, Walk, input_names

__all__ = ["Bounds", "canonicalise", "check_canonical", "describe"]


def canonicalise(raw: Mapping[str, Any], bounds: Bounds = DEFAULT) -> dict[str, Any]:
    """The model configuration {"class_name", "config"} of any Keras from 2.1 on, rewritten for Keras 3.

    Only layers and arguments on the allow-list pass, all arguments written out; "module" and
    "registered_name" are ours. Raises Refused with a sentence naming the layer, also for models beyond
    `bounds`. Canonicalising twice changes nothing.
    """
    canonical = read_model(raw, bounds)
    _, walk = _walked(canonical, bounds, {})
    if walk.trainable == 0:
        raise Refused("Every layer of the model is frozen or has no weights: there is nothing to train.")
    return canonical


def check_canonical(config: Mapping[str, Any], bounds: Bounds = DEFAULT) -> None:
    """Refused unless `config` is exactly what `canonicalise` writes: hosts check again what they are sent."""
    if canonicalise(config, bounds) != config:
        raise Refused("The architecture is not in canonical form.")


def describe(
    canonical: Mapping[str, Any], bounds: Bounds = DEFAULT, lengths: Mapping[str, Shape] | None = None
) -> ModelShape:
    """Inputs, output and cost of a canonical model, by shape inference alone.

    Open dimensions are costed as OPEN_LENGTH; `lengths` gives, by input name, the shapes that examples
    really have, once the data is known. Raises Refused where shapes do not fit or bounds are passed.
    """
    value, walk = _walked(canonical, bounds, lengths or {})
    inputs = tuple(
        InputSpec(
            layer["config"]["name"], tuple(layer["config"]["batch_shape"][1:]), layer["config"]["dtype"]
        )
        for layer in _input_layers(canonical)
    )
    return ModelShape(inputs, value.shape, value.activation, walk.meter.cost(), walk.meter.layers)


def _input_layers(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    layers = {layer["config"]["name"]: layer for layer in model["config"]["layers"]}
    if model["class_name"] == "Sequential":
        return [model["config"]["layers"][0]]
    return [layers[name] for name in input_names(model)]


def _walked(model: Mapping[str, Any], bounds: Bounds, lengths: Mapping[str, Shape]) -> tuple[Value, Walk]:
    walk = Walk(Meter(bounds))
    inputs: list[Value] = []
    for layer in _input_layers(model):
        name = layer["config"]["name"]
        inputs.append(Value(tuple(lengths.get(name, tuple(layer["config"]["batch_shape"][1:])))))
    walk.meter.add_outputs("The model's input", tuple(value.shape for value in inputs), 0, 0)
    outputs = walk.model(model, inputs)
    if len(outputs) != 1:
        raise Refused(
            f"The model has {len(outputs)} outputs; only models with one output can be trained here."
        )
    return outputs[0], walk
