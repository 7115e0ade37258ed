"""Convolutions: plain, transposed, depthwise and separable, over one, two or three axes."""

from __future__ import annotations

from math import prod

from volunteer.plan.arguments import Unfit, choice, each_axis, flag, integer, optional
from volunteer.plan.parts import activation
from volunteer.plan.rules import (
    ANYTHING,
    CHANNELS_LAST,
    Argument,
    LayerRule,
    Step,
    Visit,
    known,
    rank_of,
    weights,
)
from volunteer.plan.shapes import Shape, cells


def window_length(
    length: int | None, window: int, stride: int, padding: str, dilation: int = 1
) -> int | None:
    """How many places a window takes along an axis; None stays None, and an input too short is Unfit."""
    if length is None:
        return None
    reach = (window - 1) * dilation + 1
    if padding != "valid":
        return -(-length // stride)
    if length < reach:
        raise Unfit(f"its window of {reach} does not fit into an input of length {length}")
    return (length - reach) // stride + 1


def _spatial(visit: Visit) -> Shape:
    config = visit.config
    if max(config["strides"]) > 1 and max(config["dilation_rate"]) > 1:
        raise Unfit("strides and dilation_rate cannot both be larger than 1")
    lengths = zip(
        visit.shape, config["kernel_size"], config["strides"], config["dilation_rate"], strict=False
    )
    return tuple(
        window_length(length, window, stride, config["padding"], dilation)
        for length, window, stride, dilation in lengths
    )


def _conv(rank: int, visit: Visit) -> Step:
    config = visit.config
    channels, filters, groups = known(rank_of(visit, rank + 1)[-1]), config["filters"], config["groups"]
    if channels % groups or filters % groups:
        raise Unfit(f"{channels} channels and {filters} filters cannot be divided into {groups} groups")
    kernel = prod(config["kernel_size"]) * (channels // groups)
    output = (*_spatial(visit), filters)
    return Step((output,), kernel * filters + (filters if config["use_bias"] else 0), cells(output) * kernel)


def _transposed_length(
    length: int | None, window: int, stride: int, padding: str, extra: int | None
) -> int | None:
    if length is None:
        return None
    if extra is None:
        return length * stride + (max(window - stride, 0) if padding == "valid" else 0)
    cut = 2 * (window // 2) if padding == "same" else 0
    return (length - 1) * stride + window - cut + extra


def _transpose(rank: int, visit: Visit) -> Step:
    config = visit.config
    shape = rank_of(visit, rank + 1)
    channels, filters = known(shape[-1]), config["filters"]
    if max(config["strides"]) > 1 and max(config["dilation_rate"]) > 1:
        raise Unfit("strides and dilation_rate cannot both be larger than 1")
    extra = config["output_padding"] or [None] * rank
    lengths: list[int | None] = []
    for axis in range(rank):
        window = (config["kernel_size"][axis] - 1) * config["dilation_rate"][axis] + 1
        stride = config["strides"][axis]
        if extra[axis] is not None and extra[axis] >= stride:
            raise Unfit("output_padding must be smaller than strides")
        length = _transposed_length(shape[axis], window, stride, config["padding"], extra[axis])
        if length is not None and length < 1:
            raise Unfit("its output would be empty")
        lengths.append(length)
    kernel = prod(config["kernel_size"]) * channels * filters
    parameters = kernel + (filters if config["use_bias"] else 0)
    return Step(((*lengths, filters),), parameters, cells(shape[:-1]) * kernel)


def _depthwise(rank: int, visit: Visit) -> Step:
    config = visit.config
    width = known(rank_of(visit, rank + 1)[-1]) * config["depth_multiplier"]
    kernel = prod(config["kernel_size"])
    output = (*_spatial(visit), width)
    return Step((output,), kernel * width + (width if config["use_bias"] else 0), cells(output) * kernel)


def _separable(rank: int, visit: Visit) -> Step:
    config = visit.config
    width, filters = known(rank_of(visit, rank + 1)[-1]) * config["depth_multiplier"], config["filters"]
    kernel = prod(config["kernel_size"])
    spatial = _spatial(visit)
    parameters = kernel * width + width * filters + (filters if config["use_bias"] else 0)
    operations = cells(spatial) * (kernel * width + width * filters)
    return Step(((*spatial, filters),), parameters, operations, held=cells(spatial) * width)


def _arguments(rank: int, *kernels: str, causal: bool = False) -> dict[str, Argument]:
    paddings = ("valid", "same", "causal") if causal else ("valid", "same")
    return {
        "kernel_size": Argument(each_axis(rank)),
        "strides": Argument(each_axis(rank), 1),
        "padding": Argument(choice(*paddings), "valid"),
        "data_format": CHANNELS_LAST,
        "dilation_rate": Argument(each_axis(rank), 1),
        "activation": Argument(activation, None),
        "use_bias": Argument(flag, True),
        **weights(*kernels, "bias"),
    }


_FILTERS = {"filters": Argument(integer())}
_MULTIPLIER = {"depth_multiplier": Argument(integer(), 1)}
_KERNEL_LEFTOVERS = {f"kernel_{part}": (None,) for part in ("regularizer", "constraint")}
_DEPTHWISE_LEFTOVERS = {
    "groups": ANYTHING,
    "filters": (None,),
    "kernel_initializer": ANYTHING,
    **_KERNEL_LEFTOVERS,
}


def _rules(rank: int) -> dict[str, LayerRule]:
    return {
        f"Conv{rank}D": LayerRule(
            lambda visit: _conv(rank, visit),
            {**_FILTERS, **_arguments(rank, "kernel", causal=rank == 1), "groups": Argument(integer(), 1)},
        ),
        f"Conv{rank}DTranspose": LayerRule(
            lambda visit: _transpose(rank, visit),
            {
                **_FILTERS,
                **_arguments(rank, "kernel"),
                "output_padding": Argument(optional(each_axis(rank, integer(0))), None),
            },
            dropped={"groups": (1,)},
        ),
    }


def _thin_rules(rank: int) -> dict[str, LayerRule]:
    return {
        f"DepthwiseConv{rank}D": LayerRule(
            lambda visit: _depthwise(rank, visit),
            {**_MULTIPLIER, **_arguments(rank, "depthwise")},
            dropped=_DEPTHWISE_LEFTOVERS,
        ),
        f"SeparableConv{rank}D": LayerRule(
            lambda visit: _separable(rank, visit),
            {**_FILTERS, **_MULTIPLIER, **_arguments(rank, "depthwise", "pointwise")},
            dropped={**_DEPTHWISE_LEFTOVERS, "groups": (1,)},
        ),
    }


RULES: dict[str, LayerRule] = {
    **_rules(1), **_rules(2), **_rules(3), **_thin_rules(1), **_thin_rules(2),
}  # fmt: skip
ALIASES = {
    f"Convolution{rest}": f"Conv{rest}"
    for rest in ("1D", "2D", "3D", "1DTranspose", "2DTranspose", "3DTranspose")
} | {
    f"{kind}Convolution{rank}D": f"{kind}Conv{rank}D"
    for kind in ("Separable", "Depthwise")
    for rank in (1, 2)
}
