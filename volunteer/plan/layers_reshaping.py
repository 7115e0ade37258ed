"""Layers that move, repeat, pad or cut values."""

from __future__ import annotations

from math import prod
from typing import Any

from volunteer.plan.arguments import Unfit, choice, each_axis, integer, pairs, several
from volunteer.plan.rules import CHANNELS_LAST, Argument, LayerRule, Step, Visit, rank_of
from volunteer.plan.shapes import Shape, cells


def _flatten(visit: Visit) -> Step:
    return Step(((None,) if None in visit.shape else (cells(visit.shape),),))


def reshaped(shape: Shape, target: list[int]) -> Shape:
    """The shape after Reshape; one -1 in the target is worked out, or left open where the input is open."""
    if target.count(-1) > 1:
        raise Unfit("target_shape may hold -1 only once")
    fixed = prod(size for size in target if size != -1)
    if None in shape:
        return tuple(None if size == -1 else size for size in target)
    total = cells(shape)
    if (-1 in target and (fixed == 0 or total % fixed)) or (-1 not in target and fixed != total):
        raise Unfit(f"{total:,} values cannot be given the shape {tuple(target)}")
    return tuple(total // fixed if size == -1 else size for size in target)


def _permute(visit: Visit) -> Step:
    dims = visit.config["dims"]
    if sorted(dims) != list(range(1, len(visit.shape) + 1)):
        raise Unfit(f"dims must name each of the {len(visit.shape)} dimensions of its input once")
    return Step((tuple(visit.shape[axis - 1] for axis in dims),))


def _repeat(visit: Visit) -> Step:
    return Step(((visit.config["n"], *rank_of(visit, 1)),))


def _padded(rank: int, argument: str, sign: int, visit: Visit) -> Step:
    shape = rank_of(visit, rank + 1)
    lengths: list[int | None] = []
    amounts = visit.config[argument]
    for length, pair in zip(shape, [amounts] if rank == 1 else amounts, strict=False):
        new = None if length is None else length + sign * sum(pair)
        if new is not None and new < 1:
            raise Unfit("nothing of its input would be left")
        lengths.append(new)
    return Step(((*lengths, shape[-1]),))


def _scaled(rank: int, visit: Visit) -> Step:
    shape = rank_of(visit, rank + 1)
    sizes = [visit.config["size"]] if rank == 1 else visit.config["size"]
    lengths = [
        None if length is None else length * times for length, times in zip(shape, sizes, strict=False)
    ]
    return Step(((*lengths, shape[-1]),))


def _one_size(value: Any) -> int:
    return int(integer()(value[0] if isinstance(value, list) and len(value) == 1 else value))


def _rules(rank: int) -> dict[str, LayerRule]:
    layout = {} if rank == 1 else {"data_format": CHANNELS_LAST}
    smoothing = (
        {
            "interpolation": Argument(
                choice("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"), "nearest"
            )
        }
        if rank == 2
        else {}
    )
    leftover = {"data_format": ("channels_last", None)} if rank == 1 else {}
    return {
        f"ZeroPadding{rank}D": LayerRule(
            lambda visit: _padded(rank, "padding", 1, visit),
            {"padding": Argument(pairs(rank), 1), **layout},
            leftover,
            passes_activation=True,
        ),
        f"Cropping{rank}D": LayerRule(
            lambda visit: _padded(rank, "cropping", -1, visit),
            {"cropping": Argument(pairs(rank)), **layout},
            leftover,
            passes_activation=True,
        ),
        f"UpSampling{rank}D": LayerRule(
            lambda visit: _scaled(rank, visit),
            {"size": Argument(_one_size if rank == 1 else each_axis(rank), 2), **layout, **smoothing},
            leftover,
            passes_activation=True,
        ),
    }


RULES: dict[str, LayerRule] = {
    "Flatten": LayerRule(_flatten, {"data_format": CHANNELS_LAST}, passes_activation=True),
    "Reshape": LayerRule(
        lambda visit: Step((reshaped(visit.shape, visit.config["target_shape"]),)),
        {"target_shape": Argument(several(integer(-1), 0))},
        passes_activation=True,
    ),
    "Permute": LayerRule(_permute, {"dims": Argument(several(integer(1, 8)))}, passes_activation=True),
    "RepeatVector": LayerRule(_repeat, {"n": Argument(integer())}, passes_activation=True),
    **_rules(1),
    **_rules(2),
    **_rules(3),
}
