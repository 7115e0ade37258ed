"""Normalisation layers. BatchNormalization's moving statistics are weights that training only moves."""

from __future__ import annotations

from typing import Any

from volunteer.plan.arguments import Unfit, either, flag, integer, number, several
from volunteer.plan.parts import initializer
from volunteer.plan.rules import ANYTHING, Argument, LayerRule, Step, Visit, axis_of, known, weights
from volunteer.plan.shapes import cells


def _one_axis(value: Any) -> int:
    """An axis; old files hold it in a list of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return int(integer(-8, 8)(value))


_AXES = either(integer(-8, 8), several(integer(-8, 8)))


def _scaled(visit: Visit, width: int) -> int:
    return width * (int(visit.config["scale"]) + int(visit.config["center"]))


def _batch(visit: Visit) -> Step:
    width = known(visit.shape[axis_of(visit.config["axis"], len(visit.shape))], "its axis")
    parameters = _scaled(visit, width) + 2 * width
    return Step((visit.shape,), parameters, 2 * cells(visit.shape), frozen=2 * width)


def _layer(visit: Visit) -> Step:
    axis = visit.config["axis"]
    positions = [axis_of(one, len(visit.shape)) for one in (axis if isinstance(axis, list) else [axis])]
    if len(set(positions)) != len(positions):
        raise Unfit("it names one axis twice")
    width = 1
    for position in positions:
        width *= known(visit.shape[position], "its axis")
    scaled = width if "scale" not in visit.config else _scaled(visit, width)
    return Step((visit.shape,), scaled, 2 * cells(visit.shape))


def _group(visit: Visit) -> Step:
    width = known(visit.shape[axis_of(visit.config["axis"], len(visit.shape))], "its axis")
    groups = visit.config["groups"]
    if groups == 0 or (groups > 0 and width % groups):
        raise Unfit(f"{width} channels cannot be divided into {groups} groups")
    return Step((visit.shape,), _scaled(visit, width), 2 * cells(visit.shape))


def _unit(visit: Visit) -> Step:
    axis = visit.config["axis"]
    for one in axis if isinstance(axis, list) else [axis]:
        axis_of(one, len(visit.shape))
    return Step((visit.shape,), 0, 2 * cells(visit.shape))


_SCALING = {
    "epsilon": Argument(number(0, 1), 0.001),
    "center": Argument(flag, True),
    "scale": Argument(flag, True),
    **weights("beta", "gamma"),
}

RULES: dict[str, LayerRule] = {
    "BatchNormalization": LayerRule(
        _batch,
        {
            "axis": Argument(_one_axis, -1),
            "momentum": Argument(number(0, 1), 0.99),
            **_SCALING,
            "moving_mean_initializer": Argument(initializer, "zeros"),
            "moving_variance_initializer": Argument(initializer, "ones"),
        },
        dropped={
            "synchronized": (False, None),
            "renorm": (False, None),
            "renorm_clipping": ANYTHING,
            "renorm_momentum": ANYTHING,
            "virtual_batch_size": (None,),
            "adjustment": (None,),
            "fused": ANYTHING,
            "mode": (0,),
        },
        renamed={
            "running_mean_initializer": "moving_mean_initializer",
            "running_variance_initializer": "moving_variance_initializer",
            "beta_init": "beta_initializer",
            "gamma_init": "gamma_initializer",
        },
    ),
    "LayerNormalization": LayerRule(
        _layer,
        {"axis": Argument(_AXES, -1), **_SCALING},
        dropped={"rms_scaling": (False,)},
    ),
    "RMSNormalization": LayerRule(
        _layer, {"axis": Argument(_AXES, -1), "epsilon": Argument(number(0, 1), 1e-6)}
    ),
    "GroupNormalization": LayerRule(
        _group,
        {"groups": Argument(integer(-1), 32), "axis": Argument(_one_axis, -1), **_SCALING},
    ),
    "UnitNormalization": LayerRule(_unit, {"axis": Argument(_AXES, -1)}),
}
