"""What one permitted layer is: its arguments, and a function from input shapes to output shapes and costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from volunteer.plan.arguments import Check, Unfit, choice
from volunteer.plan.parts import constraint, initializer, regularizer
from volunteer.plan.shapes import Shape

REQUIRED: Any = object()
ANYTHING: Any = object()

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Argument:
    """One permitted argument: its check and what stands for it where a file leaves it out."""

    check: Check
    default: Any = REQUIRED


@dataclass(frozen=True)
class Visit:
    """One call of a layer in shape inference: canonical config, shapes of one example, call arguments."""

    config: Config
    inputs: tuple[Shape, ...]
    keywords: Config
    inner: Callable[[Config, tuple[Shape, ...]], Step]

    @property
    def shape(self) -> Shape:
        """The shape of the only input."""
        return self.inputs[0]


@dataclass(frozen=True)
class Step:
    """What one call gives and costs, for one example.

    `held` counts numbers that stay in memory beside the outputs; `operations` are multiply-adds.
    `frozen` is how many of the `parameters` the layer itself never trains (moving statistics).
    """

    outputs: tuple[Shape, ...]
    parameters: int = 0
    operations: int = 0
    held: int = 0
    frozen: int = 0


Walk = Callable[[Visit], Step]


@dataclass(frozen=True)
class LayerRule:
    """A layer on the allow-list.

    `dropped` maps obsolete arguments to the values that mean nothing today (ANYTHING: never matters);
    `renamed` maps old argument names to today's; `inner` names arguments that hold layers; `call` says how
    the layer takes its inputs: one, many, attention, multihead, recurrent or operands. `passes_activation`
    marks layers that leave the values as they are (for finding out what the model's output means); `bare`
    ones take neither `trainable` nor `activity_regularizer`. `module` is where Keras finds the class.
    """

    walk: Walk
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    dropped: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    inner: tuple[str, ...] = ()
    call: str = "one"
    passes_activation: bool = False
    bare: bool = False
    module: str = "keras.layers"

    @property
    def is_operation(self) -> bool:
        """Whether this is one of Keras's raw operations, which share nothing but a name with layers."""
        return self.module != "keras.layers"


def weights(*names: str) -> dict[str, Argument]:
    """The initialiser, regulariser and constraint arguments of a layer's weights."""
    arguments: dict[str, Argument] = {}
    for name in names:
        arguments[f"{name}_initializer"] = Argument(initializer, "zeros")
        arguments[f"{name}_regularizer"] = Argument(regularizer, None)
        arguments[f"{name}_constraint"] = Argument(constraint, None)
    return arguments


CHANNELS_LAST = Argument(choice("channels_last"), "channels_last")


def rank_of(visit: Visit, rank: int) -> Shape:
    """The only input's shape if it has `rank` dimensions without the batch; Unfit otherwise."""
    if len(visit.shape) != rank:
        raise Unfit(f"its input has {len(visit.shape) + 1} dimensions with the batch; it needs {rank + 1}")
    return visit.shape


def known(dimension: int | None, what: str = "the last dimension") -> int:
    """A dimension that weights depend on and that must therefore be fixed."""
    if dimension is None:
        raise Unfit(f"{what} of its input is not fixed, and its weights depend on it")
    return dimension


def axis_of(axis: int, rank: int) -> int:
    """An axis counted with the batch as 0, as a position in a shape without it; the batch itself is Unfit."""
    position = axis + rank if axis < 0 else axis - 1
    if not 0 <= position < rank or axis == 0:
        raise Unfit(
            f"axis {axis} does not exist in its input of {rank + 1} dimensions, or is the batch itself"
        )
    return position


def same(visit: Visit) -> Step:
    """A layer without weights that gives what it takes."""
    return Step((visit.shape,))
