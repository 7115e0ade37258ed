"""Activations as layers of their own."""

from __future__ import annotations

from volunteer.plan.arguments import either, integer, number, optional, several
from volunteer.plan.parts import activation
from volunteer.plan.rules import Argument, LayerRule, Step, Visit, axis_of, known, same, weights
from volunteer.plan.shapes import cells


def _prelu(visit: Visit) -> Step:
    shared = {axis_of(axis, len(visit.shape)) for axis in visit.config["shared_axes"] or []}
    parameters = 1
    for position, size in enumerate(visit.shape):
        parameters *= 1 if position in shared else known(size, f"dimension {position + 1}")
    return Step((visit.shape,), parameters, cells(visit.shape))


def _softmax(visit: Visit) -> Step:
    axis = visit.config["axis"]
    for one in axis if isinstance(axis, list) else [axis]:
        axis_of(one, len(visit.shape))
    return same(visit)


RULES: dict[str, LayerRule] = {
    "Activation": LayerRule(same, {"activation": Argument(activation)}),
    "ReLU": LayerRule(
        same,
        {
            "max_value": Argument(optional(number(0)), None),
            "negative_slope": Argument(number(0), 0.0),
            "threshold": Argument(number(0), 0.0),
        },
        renamed={"theta": "threshold"},
    ),
    "LeakyReLU": LayerRule(
        same, {"negative_slope": Argument(number(0), 0.3)}, renamed={"alpha": "negative_slope"}
    ),
    "PReLU": LayerRule(
        _prelu, {**weights("alpha"), "shared_axes": Argument(optional(several(integer(1, 8))), None)}
    ),
    "ELU": LayerRule(same, {"alpha": Argument(number(0), 1.0)}),
    "Softmax": LayerRule(_softmax, {"axis": Argument(either(integer(-8, 8), several(integer(-8, 8))), -1)}),
}
