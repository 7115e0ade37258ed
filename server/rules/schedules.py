"""The learning rate over a whole training: a schedule of Keras's own, as part of the canonical optimizer."""

from collections.abc import Mapping
from typing import Any

from volunteer.plan.objectives import canonical_optimizer

SCHEDULES = ("constant", "cosine", "linear", "exponential")
WARM = ("", "constant", "cosine")
"""Those that Keras can warm up; "" is what the model file has, or constant."""

LAST_SHARE = 0.01
"""What an exponential schedule leaves of the rate at the end."""


def base_rate(optimizer: Mapping[str, Any]) -> float:
    """The rate that a canonical optimizer begins with, or is warmed up to where it has such a schedule."""
    rate = optimizer["config"]["learning_rate"]
    if not isinstance(rate, dict):
        return float(rate)
    config = rate["config"]
    if config.get("warmup_target") is not None:
        return float(config["warmup_target"])
    return float(config["initial_learning_rate"] if "initial_learning_rate" in config else config["values"][0])


def has_schedule(optimizer: Mapping[str, Any]) -> bool:
    return isinstance(optimizer["config"]["learning_rate"], dict)


def with_schedule(optimizer: Mapping[str, Any], schedule: str, warmup_rounds: int, rounds: int) -> dict[str, Any]:
    """The optimizer with its rate following `schedule` over `rounds` steps, the first `warmup_rounds` of them rising.

    "" leaves a schedule of the model file as it is. The rate rises in equal parts: the first step takes
    1 / (warmup_rounds + 1) of it, for a step of nothing would be a round for nothing (Goyal et al. 2017).
    """
    if schedule == "" and (has_schedule(optimizer) or not warmup_rounds):
        return dict(optimizer)
    rate = base_rate(optimizer)
    after = max(rounds - warmup_rounds, 1)
    described: Any = rate
    if warmup_rounds or schedule == "cosine":
        config: dict[str, Any] = {
            "initial_learning_rate": rate,
            "decay_steps": after,
            # Cosine from the rate to all of the rate: constant.
            "alpha": 0.0 if schedule == "cosine" else 1.0,
        }
        if warmup_rounds:
            config |= {
                "initial_learning_rate": rate / (warmup_rounds + 1), "warmup_target": rate,
                "warmup_steps": warmup_rounds,
            }  # fmt: skip
        described = {"class_name": "CosineDecay", "config": config}
    elif schedule == "linear":
        config = {"initial_learning_rate": rate, "decay_steps": after, "end_learning_rate": 0.0, "power": 1.0}
        described = {"class_name": "PolynomialDecay", "config": config}
    elif schedule == "exponential":
        config = {"initial_learning_rate": rate, "decay_steps": after, "decay_rate": LAST_SHARE}
        described = {"class_name": "ExponentialDecay", "config": config}
    return canonical_optimizer({**optimizer, "config": {**optimizer["config"], "learning_rate": described}})


def in_words(schedule: str, warmup_rounds: int) -> str:
    """How the rate goes, for people."""
    how = {
        "": "as in the model file", "constant": "constant", "cosine": "falls to nothing along a cosine",
        "linear": "falls to nothing in a straight line", "exponential": f"falls to {LAST_SHARE:.0%} exponentially",
    }[schedule]  # fmt: skip
    return f"rises for {warmup_rounds} rounds, then {how}" if warmup_rounds else how
