"""The learning rate of each step, as Keras's schedules give it: for histories, without Keras."""

import bisect
import math
from collections.abc import Callable, Mapping
from typing import Any

Config = Mapping[str, Any]


def rate_at(optimizer: Mapping[str, Any], step: int) -> float | None:
    """The rate of a canonical optimizer in its `step`th step, the first being 0; None where only Keras can tell."""
    rate = optimizer["config"].get("learning_rate")
    if isinstance(rate, int | float):
        return float(rate)
    schedule = _SCHEDULES.get(rate["class_name"]) if rate else None
    return None if schedule is None else float(schedule(rate["config"], step))


def _exponential(config: Config, step: int) -> float:
    return float(config["initial_learning_rate"] * config["decay_rate"] ** _share(config, step))


def _inverse_time(config: Config, step: int) -> float:
    return float(config["initial_learning_rate"] / (1 + config["decay_rate"] * _share(config, step)))


def _share(config: Config, step: int) -> float:
    share: float = step / config["decay_steps"]
    return math.floor(share) if config.get("staircase") else share


def _polynomial(config: Config, step: int) -> float:
    steps = config["decay_steps"]
    if config.get("cycle"):
        steps *= max(1, math.ceil(step / steps))
    left = 1 - min(step, steps) / steps
    first, last = config["initial_learning_rate"], config.get("end_learning_rate", 0.0001)
    return float((first - last) * left ** config.get("power", 1.0) + last)


def _piecewise(config: Config, step: int) -> float:
    return float(config["values"][bisect.bisect_left(config["boundaries"], step)])


def _cosine(config: Config, step: int) -> float:
    first, target, steps = config["initial_learning_rate"], config.get("warmup_target"), config["decay_steps"]
    if target is not None:
        rising = config.get("warmup_steps", 0)
        if step < rising:
            return float(first + (target - first) * step / rising)
        first, step = target, step - rising
    alpha = config.get("alpha", 0.0)
    fallen = 0.5 * (1 + math.cos(math.pi * min(step, steps) / steps))
    return float(first * ((1 - alpha) * fallen + alpha))


_SCHEDULES: dict[str, Callable[[Config, int], float]] = {
    "ExponentialDecay": _exponential,
    "InverseTimeDecay": _inverse_time,
    "PolynomialDecay": _polynomial,
    "PiecewiseConstantDecay": _piecewise,
    "CosineDecay": _cosine,
}
