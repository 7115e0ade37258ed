"""What a model takes, gives and costs, as plain values. Knows no layers and no Keras."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

Shape = tuple[int | None, ...]
"""Dimensions of one example (without the batch); None where the length is left open."""

OPEN_LENGTH = 512
"""The length at which an open dimension is costed until the data says how long it really is."""


def cells(shape: Iterable[int | None]) -> int:
    """How many numbers a tensor of this shape holds, open dimensions taken as OPEN_LENGTH."""
    count = 1
    for dimension in shape:
        count *= OPEN_LENGTH if dimension is None else dimension
    return count


class InputSpec(msgspec.Struct, frozen=True):
    """One input of a model: its Keras input layer's name, the shape of one example, the dtype it becomes."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Cost(msgspec.Struct, frozen=True):
    """What computing one example takes.

    `parameters` counts every weight, trained or not; `activation_bytes` is the float32 memory of all
    layers' outputs (with the inner states of recurrent and attention layers) in one forward pass;
    `operations` are the multiply-adds of one forward pass.
    """

    parameters: int
    activation_bytes: int
    operations: int


class ModelShape(msgspec.Struct, frozen=True):
    """What pure shape inference says of a whole model. `output_shape` is that of one example."""

    inputs: tuple[InputSpec, ...]
    output_shape: tuple[int | None, ...]
    output_activation: str | None
    cost: Cost
    layers: int
