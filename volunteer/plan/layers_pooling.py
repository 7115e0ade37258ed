"""Pooling over windows and over whole axes."""

from __future__ import annotations

from math import prod

from volunteer.plan.arguments import choice, each_axis, flag, optional
from volunteer.plan.layers_conv import window_length
from volunteer.plan.rules import CHANNELS_LAST, Argument, LayerRule, Step, Visit, rank_of
from volunteer.plan.shapes import cells


def _pooling(rank: int, visit: Visit) -> Step:
    config = visit.config
    shape = rank_of(visit, rank + 1)
    lengths = zip(shape, config["pool_size"], config["strides"] or config["pool_size"], strict=False)
    spatial = [window_length(length, window, stride, config["padding"]) for length, window, stride in lengths]
    output = (*spatial, shape[-1])
    return Step((output,), 0, cells(output) * prod(config["pool_size"]))


def _global(rank: int, visit: Visit) -> Step:
    shape = rank_of(visit, rank + 1)
    output = (*([1] * rank if visit.config["keepdims"] else []), shape[-1])
    return Step((output,), 0, cells(shape))


def _rules(rank: int) -> dict[str, LayerRule]:
    windows = {
        "pool_size": Argument(each_axis(rank), 2),
        "strides": Argument(optional(each_axis(rank)), None),
        "padding": Argument(choice("valid", "same"), "valid"),
        "data_format": CHANNELS_LAST,
    }
    whole = {"data_format": CHANNELS_LAST, "keepdims": Argument(flag, False)}
    rules: dict[str, LayerRule] = {}
    for kind in ("Max", "Average"):
        rules[f"{kind}Pooling{rank}D"] = LayerRule(
            lambda visit: _pooling(rank, visit),
            windows,
            renamed={"pool_length": "pool_size", "stride": "strides"},
        )
        rules[f"Global{kind}Pooling{rank}D"] = LayerRule(lambda visit: _global(rank, visit), whole)
    return rules


RULES: dict[str, LayerRule] = {**_rules(1), **_rules(2), **_rules(3)}
ALIASES = {
    f"{reach}{short}Pool{rank}D": f"{reach}{long}Pooling{rank}D"
    for reach in ("", "Global")
    for short, long in (("Max", "Max"), ("Avg", "Average"))
    for rank in (1, 2, 3)
}
