"""Permitted optimizers and learning-rate schedules, with the names that Keras 2 gave to their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volunteer.plan.arguments import (
    Check,
    Unfit,
    either,
    flag,
    integer,
    number,
    optional,
    several,
    show,
    text,
)
from volunteer.plan.bounds import DEFAULT
from volunteer.plan.json_tree import plain_tree
from volunteer.plan.named_objects import Kind
from volunteer.plan.refused import Refused
from volunteer.plan.rules import ANYTHING

_Arguments = dict[str, tuple[Check, Any]]

_RATE = number(0, 10_000)
_STEPS = either(integer(1, 10**12), number(1e-9, 1e12))
_NAME: _Arguments = {"name": (optional(text(64)), None)}
_INITIAL: _Arguments = {"initial_learning_rate": (_RATE, None)}
_DECAY: _Arguments = {
    **_INITIAL,
    "decay_steps": (_STEPS, None),
    "decay_rate": (number(0, 10_000), None),
    "staircase": (flag, False),
}

SCHEDULE = Kind(
    word="learning-rate schedule",
    field="optimizer",
    module="keras.optimizers.schedules",
    table={
        "ExponentialDecay": _DECAY,
        "InverseTimeDecay": _DECAY,
        "PolynomialDecay": {
            **_INITIAL,
            "decay_steps": (_STEPS, None),
            "end_learning_rate": (_RATE, 0.0001),
            "power": (number(0, 100), 1.0),
            "cycle": (flag, False),
        },
        "PiecewiseConstantDecay": {
            "boundaries": (several(either(integer(0, 10**12), number(0, 1e12)), 1, 1000), None),
            "values": (several(_RATE, 2, 1001), None),
        },
        "CosineDecay": {
            **_INITIAL,
            "decay_steps": (_STEPS, None),
            "alpha": (number(0, 10), 0.0),
            "warmup_target": (optional(_RATE), None),
            "warmup_steps": (integer(0, 10**12), 0),
        },
        "CosineDecayRestarts": {
            **_INITIAL,
            "first_decay_steps": (_STEPS, None),
            "t_mul": (number(1e-9, 1000), 2.0),
            "m_mul": (number(0, 1000), 1.0),
            "alpha": (number(0, 10), 0.0),
        },
    },
    dropped={"name": ANYTHING},
)


def _learning_rate(value: Any) -> Any:
    if not isinstance(value, dict):
        return _RATE(value)
    schedule = SCHEDULE.read(value)
    config = schedule["config"]
    if (
        schedule["class_name"] == "PiecewiseConstantDecay"
        and len(config["values"]) != len(config["boundaries"]) + 1
    ):
        raise Unfit("a schedule with one value more than boundaries")
    return schedule


_BETA = number(0, 1)
_EPSILON = number(0, 1)
_COMMON: _Arguments = {
    "learning_rate": (_learning_rate, 0.001),
    "weight_decay": (optional(number(0, 100)), None),
    "clipnorm": (optional(number(0)), None),
    "clipvalue": (optional(number(0)), None),
    "global_clipnorm": (optional(number(0)), None),
    **_NAME,
}
_BETAS: _Arguments = {"beta_1": (_BETA, 0.9), "beta_2": (_BETA, 0.999), "epsilon": (_EPSILON, 1e-7)}
_TABLE: dict[str, _Arguments] = {
    "SGD": {"learning_rate": (_learning_rate, 0.01), "momentum": (_BETA, 0.0), "nesterov": (flag, False)},
    "Adam": {**_BETAS, "amsgrad": (flag, False)},
    "AdamW": {"weight_decay": (number(0, 100), 0.004), **_BETAS, "amsgrad": (flag, False)},
    "Adamax": _BETAS,
    "Nadam": _BETAS,
    "RMSprop": {
        "rho": (_BETA, 0.9),
        "momentum": (_BETA, 0.0),
        "epsilon": (_EPSILON, 1e-7),
        "centered": (flag, False),
    },
    "Adagrad": {"initial_accumulator_value": (number(0), 0.1), "epsilon": (_EPSILON, 1e-7)},
    "Adadelta": {"rho": (_BETA, 0.95), "epsilon": (_EPSILON, 1e-7)},
    "Lion": {"beta_1": (_BETA, 0.9), "beta_2": (_BETA, 0.99)},
    "Lamb": _BETAS,
    "Ftrl": {
        "learning_rate_power": (number(-10, 0), -0.5),
        "initial_accumulator_value": (number(0), 0.1),
        "l1_regularization_strength": (number(0), 0.0),
        "l2_regularization_strength": (number(0), 0.0),
        "l2_shrinkage_regularization_strength": (number(0), 0.0),
        "beta": (number(0), 0.0),
    },
    "Adafactor": {
        "beta_2_decay": (number(-10, 0), -0.8),
        "epsilon_1": (_EPSILON, 1e-30),
        "epsilon_2": (_EPSILON, 0.001),
        "clip_threshold": (number(0), 1.0),
        "relative_step": (flag, True),
    },
}

OPTIMIZER = Kind(
    word="optimizer",
    field="optimizer",
    module="keras.optimizers",
    table={name: {**_COMMON, **arguments} for name, arguments in _TABLE.items()},
    dropped={
        "use_ema": (False,),
        "ema_momentum": ANYTHING,
        "ema_overwrite_frequency": ANYTHING,
        "jit_compile": ANYTHING,
        "is_legacy_optimizer": ANYTHING,
        "loss_scale_factor": (None,),
        "gradient_accumulation_steps": (None, 1),
        "schedule_decay": ANYTHING,
    },
    reasons={"LossScaleOptimizer": "it belongs to mixed precision, and only float32 is supported"},
)
OPTIMIZERS: tuple[str, ...] = tuple(_TABLE)


def canonical_optimizer(raw: Any) -> dict[str, Any]:
    """The canonical optimizer of a name or of what Keras 2 or 3 stored, schedules included.

    Raises Refused(field="optimizer").
    """
    raw = plain_tree(raw, DEFAULT)
    if isinstance(raw, dict) and isinstance(raw.get("config"), dict):
        raw = {**raw, "config": _of_keras2(raw["config"])}
    canonical = OPTIMIZER.read(raw)
    if canonical["config"]["name"] is None:
        del canonical["config"]["name"]
    if (
        sum(canonical["config"][name] is not None for name in ("clipnorm", "clipvalue", "global_clipnorm"))
        > 1
    ):
        raise Refused(
            "The optimizer may have only one of clipnorm, clipvalue and global_clipnorm.", "optimizer"
        )
    return canonical


def _of_keras2(config: dict[str, Any]) -> dict[str, Any]:
    """Old argument names; Keras 2's `decay` is an InverseTimeDecay of one step."""
    config = dict(config)
    if "lr" in config:
        config.setdefault("learning_rate", config.pop("lr"))
        config.pop("lr", None)
    if config.get("epsilon", 0) is None:
        del config["epsilon"]
    decay = config.pop("decay", None)
    if decay:
        initial = config.get("learning_rate")
        if isinstance(initial, dict):
            raise Refused("The optimizer has both a learning-rate schedule and a decay.", "optimizer")
        config["learning_rate"] = SCHEDULE.write(
            "InverseTimeDecay",
            {"initial_learning_rate": initial, "decay_steps": 1, "decay_rate": decay, "staircase": False},
        )
    return config


_RATES = ("initial_learning_rate", "end_learning_rate", "warmup_target")


def scaled_learning_rate(optimizer: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A canonical optimizer with its rate, or all the rates of its schedule, multiplied by `factor`."""
    rate = optimizer["config"]["learning_rate"]
    if isinstance(rate, dict):
        config = dict(rate["config"])
        for name in _RATES:
            if config.get(name) is not None:
                config[name] = config[name] * factor
        if "values" in config:
            config["values"] = [value * factor for value in config["values"]]
        scaled: Any = {**rate, "config": config}
    else:
        scaled = rate * factor
    return {**optimizer, "config": {**optimizer["config"], "learning_rate": scaled}}


def optimizer_from_form(name: str, learning_rate: float) -> dict[str, Any]:
    """The canonical optimizer of a name and a constant rate; Refused with the field it concerns."""
    if not isinstance(learning_rate, int | float) or not 0 < learning_rate <= 10_000:
        raise Refused(
            f"The learning rate must be a number above 0, not {show(learning_rate)}.", "learning_rate"
        )
    return canonical_optimizer({"class_name": name, "config": {"learning_rate": float(learning_rate)}})
