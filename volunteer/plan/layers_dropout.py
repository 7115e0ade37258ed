"""Layers that add noise in training. Their own seeds are not kept: the plan gives one for each mini-batch."""

from __future__ import annotations

from volunteer.plan.arguments import Unfit, integer, number, optional, several
from volunteer.plan.rules import ANYTHING, CHANNELS_LAST, Argument, LayerRule, Step, Visit, rank_of
from volunteer.plan.shapes import cells

_RATE = {"rate": Argument(number(0, 1))}
_SEED = {"seed": ANYTHING}
_NOISE = {"noise_shape": Argument(optional(several(optional(integer()))), None)}


def _noise(visit: Visit) -> Step:
    shape = visit.config.get("noise_shape")
    if shape is not None:
        full = (None, *visit.shape)
        if len(shape) != len(full) or shape[0] not in (None, 1):
            raise Unfit(
                "noise_shape must have one value for each dimension of its input, the batch's None or 1"
            )
        if any(noise not in (None, 1, size) for noise, size in zip(shape[1:], full[1:], strict=True)):
            raise Unfit("noise_shape must be None, 1 or the input's own size in each dimension")
    return Step((visit.shape,), held=cells(visit.shape))


def _spatial(rank: int) -> LayerRule:
    def walk(visit: Visit) -> Step:
        return Step((rank_of(visit, rank + 1),), held=cells(visit.shape))

    arguments = dict(_RATE) if rank == 1 else {**_RATE, "data_format": CHANNELS_LAST}
    dropped = {**_SEED, "noise_shape": (None,)}
    return LayerRule(walk, arguments, dropped, passes_activation=True, bare=True)


RULES: dict[str, LayerRule] = {
    "Dropout": LayerRule(_noise, {**_RATE, **_NOISE}, _SEED, passes_activation=True),
    "AlphaDropout": LayerRule(_noise, {**_RATE, **_NOISE}, _SEED, passes_activation=True),
    "GaussianDropout": LayerRule(_noise, _RATE, _SEED, passes_activation=True),
    "GaussianNoise": LayerRule(_noise, {"stddev": Argument(number(0))}, _SEED, passes_activation=True),
    "SpatialDropout1D": _spatial(1),
    "SpatialDropout2D": _spatial(2),
    "SpatialDropout3D": _spatial(3),
}
