"""Layers that join several inputs into one."""

from __future__ import annotations

from typing import Any

from volunteer.plan.arguments import Unfit, either, flag, integer, several, show
from volunteer.plan.rules import Argument, LayerRule, Step, Visit, axis_of
from volunteer.plan.shapes import Shape, cells


def broadcast(first: Shape, second: Shape) -> Shape:
    """The shape of an elementwise operation, as Keras's merging layers and operations compute it."""
    if len(first) < len(second):
        first, second = second, first
    kept = first[: len(first) - len(second)]
    joined: list[int | None] = []
    for one, other in zip(first[len(kept) :], second, strict=True):
        if one is None or other is None:
            joined.append(None)
        elif one == 1 or other == 1 or one == other:
            joined.append(max(one, other))
        else:
            raise Unfit(
                f"its inputs of shapes {show(list(first))} and {show(list(second))} do not fit together"
            )
    return (*kept, *joined)


def _elementwise(least: int, most: int | None) -> LayerRule:
    def walk(visit: Visit) -> Step:
        count = len(visit.inputs)
        if count < least or (most is not None and count > most):
            raise Unfit(f"it has {count} inputs; it takes {least}{'' if most == least else ' or more'}")
        output = visit.inputs[0]
        for shape in visit.inputs[1:]:
            output = broadcast(output, shape)
        return Step((output,), 0, cells(output) * (count - 1))

    return LayerRule(walk, call="many")


def _concatenate(visit: Visit) -> Step:
    first = visit.inputs[0]
    position = axis_of(visit.config["axis"], len(first))
    total: int | None = 0
    for shape in visit.inputs:
        if len(shape) != len(first):
            raise Unfit("its inputs do not have equally many dimensions")
        for index, (one, other) in enumerate(zip(first, shape, strict=True)):
            if index != position and one is not None and other is not None and one != other:
                raise Unfit(
                    f"its inputs of shapes {show(list(first))} and {show(list(shape))} do not fit together"
                )
        length = shape[position]
        total = None if total is None or length is None else total + length
    return Step(((*first[:position], total, *first[position + 1 :]),))


def _dot(visit: Visit) -> Step:
    if len(visit.inputs) != 2:
        raise Unfit(f"it has {len(visit.inputs)} inputs; it takes 2")
    first, second = visit.inputs
    axes = visit.config["axes"]
    one, other = axes if isinstance(axes, list) else (axes, axes)
    left, right = axis_of(one, len(first)), axis_of(other, len(second))
    if first[left] != second[right]:
        raise Unfit(f"the axes it multiplies have lengths {first[left]} and {second[right]}")
    output = (*first[:left], *first[left + 1 :], *second[:right], *second[right + 1 :]) or (1,)
    return Step((output,), 0, cells(output) * cells((first[left],)))


def _axes(value: Any) -> Any:
    return either(integer(-8, 8), several(integer(-8, 8), 2, 2))(value)


RULES: dict[str, LayerRule] = {
    "Add": _elementwise(2, None),
    "Multiply": _elementwise(2, None),
    "Average": _elementwise(2, None),
    "Maximum": _elementwise(2, None),
    "Minimum": _elementwise(2, None),
    "Subtract": _elementwise(2, 2),
    "Concatenate": LayerRule(_concatenate, {"axis": Argument(integer(-8, 8), -1)}, call="many"),
    "Dot": LayerRule(_dot, {"axes": Argument(_axes), "normalize": Argument(flag, False)}, call="many"),
}
