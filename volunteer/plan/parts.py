"""Allow-lists of what hangs on layers: initialisers, regularisers, constraints and activations.

Initialisers are checked but written as Zeros: the weights always come from the requestor's file, and drawing
an orthogonal matrix only to overwrite it costs every host a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from volunteer.plan.arguments import Check, Unfit, choice, either, integer, number, optional, several, show

_SEED = optional(either(integer(-(2**63), 2**63), several(integer(0, 2**63), 1, 4)))
_SCALE = either(number(), several(number(), 1, 100_000))
_NORMAL: dict[str, Check] = {
    "mean": number(),
    "stddev": number(),
    "seed": _SEED,
    "dtype": choice("float32", None),
}
_VARIANCE: dict[str, Check] = {
    "seed": _SEED,
    "dtype": choice("float32", None),
    "input_axes": optional(several(integer(-8, 8), 0)),
    "output_axes": optional(several(integer(-8, 8), 0)),
    "scale": number(),
    "mode": choice("fan_in", "fan_out", "fan_avg"),
    "distribution": choice("normal", "uniform", "truncated_normal", "untruncated_normal"),
}
_UNIFORM: dict[str, Check] = {
    "minval": number(),
    "maxval": optional(number()),
    "seed": _SEED,
    "dtype": choice("float32", None),
}
_PLAIN: dict[str, Check] = {"dtype": choice("float32", None)}

INITIALIZERS: Mapping[str, Mapping[str, Check]] = {
    "Zeros": _PLAIN,
    "Ones": _PLAIN,
    "Constant": {**_PLAIN, "value": _SCALE},
    "RandomNormal": _NORMAL,
    "TruncatedNormal": _NORMAL,
    "RandomUniform": _UNIFORM,
    "VarianceScaling": _VARIANCE,
    "GlorotUniform": _VARIANCE,
    "GlorotNormal": _VARIANCE,
    "HeNormal": _VARIANCE,
    "HeUniform": _VARIANCE,
    "LecunNormal": _VARIANCE,
    "LecunUniform": _VARIANCE,
    "Orthogonal": {**_PLAIN, "gain": number(), "seed": _SEED},
    "Identity": {**_PLAIN, "gain": number()},
}
REGULARIZERS: Mapping[str, Mapping[str, Check]] = {
    "L1": {"l1": number(0)},
    "L2": {"l2": number(0)},
    "L1L2": {"l1": number(0), "l2": number(0)},
    "OrthogonalRegularizer": {"factor": number(0), "mode": choice("rows", "columns")},
}
_AXES = either(integer(-8, 8), several(integer(-8, 8)))
CONSTRAINTS: Mapping[str, Mapping[str, Check]] = {
    "MaxNorm": {"max_value": number(0), "axis": _AXES},
    "NonNeg": {},
    "UnitNorm": {"axis": _AXES},
    "MinMaxNorm": {"min_value": number(0), "max_value": number(0), "rate": number(0, 1), "axis": _AXES},
}
_REGULARIZER_DEFAULTS: dict[str, dict[str, Any]] = {
    "L1": {"l1": 0.01},
    "L2": {"l2": 0.01},
    "L1L2": {"l1": 0.0, "l2": 0.0},
    "OrthogonalRegularizer": {"factor": 0.01, "mode": "rows"},
}
_CONSTRAINT_DEFAULTS: dict[str, dict[str, Any]] = {
    "MaxNorm": {"max_value": 2.0, "axis": 0},
    "NonNeg": {},
    "UnitNorm": {"axis": 0},
    "MinMaxNorm": {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
}

ACTIVATIONS = frozenset(
    [
        "linear",
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "celu",
        "selu",
        "softplus",
        "softsign",
        "softmax",
        "log_softmax",
        "log_sigmoid",
        "sigmoid",
        "tanh",
        "silu",
        "gelu",
        "mish",
        "exponential",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "hard_shrink",
        "soft_shrink",
        "tanh_shrink",
        "squareplus",
        "threshold",
        "sparse_plus",
        "sparse_sigmoid",
        "sparsemax",
    ]
)
_ACTIVATION_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


def plain_name(name: str) -> str:
    """Class and function names compared without case and underscores: glorot_uniform is GlorotUniform."""
    return name.replace("_", "").lower()


def of_keras(module: Any) -> bool:
    """Whether a stored module is Keras's own (or none, as in old files)."""
    return module is None or (
        isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras", "builtins")
    )


_ALIASES = {"orthogonalinitializer": "Orthogonal", "identityinitializer": "Identity"}


def _object(
    kind: str, module: str, table: Mapping[str, Mapping[str, Check]]
) -> Callable[[Any], tuple[str, dict[str, Any]]]:
    """A reader of one family of objects: from a name or a serialised object to class name and arguments."""
    by_plain_name = {plain_name(name): name for name in table} | {
        alias: name for alias, name in _ALIASES.items() if name in table
    }

    def read(value: Any) -> tuple[str, dict[str, Any]]:
        config: Any = {}
        if isinstance(value, dict):
            _refuse_custom(value, module)
            value, config = value.get("class_name"), value.get("config") or {}
            if value == "function" and isinstance(config, str):
                value, config = config, {}
        name = by_plain_name.get(plain_name(value)) if isinstance(value, str) else None
        if name is None or not isinstance(config, dict):
            raise Unfit(f"one of the {kind}s {', '.join(sorted(table))}, not {show(value)}")
        permitted: dict[str, Any] = {}
        for argument, given in config.items():
            check = table[name].get(argument)
            if check is None:
                raise Unfit(f"a plain {name}: its argument {show(argument)} is not known")
            try:
                permitted[argument] = check(given)
            except Unfit as unfit:
                raise Unfit(f"a {name} whose {argument} is {unfit}") from None
        return name, permitted

    return read


def _refuse_custom(value: dict[str, Any], module: str) -> None:
    registered = value.get("registered_name")
    where = value.get("module")
    builtin = (
        where is None or where == "builtins" or (isinstance(where, str) and where.split(".")[0] == "keras")
    )
    if not builtin or (isinstance(registered, str) and ">" in registered):
        raise Unfit(f"one of {module}'s own, not a custom {show(value.get('class_name'))}")


_read_initializer = _object("initialiser", "keras.initializers", INITIALIZERS)
_read_regularizer = _object("regulariser", "keras.regularizers", REGULARIZERS)
_read_constraint = _object("constraint", "keras.constraints", CONSTRAINTS)


def initializer(value: Any) -> dict[str, Any]:
    """Any permitted initialiser, written as Zeros."""
    if value is not None:
        _read_initializer(value)
    return {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}


def regularizer(value: Any) -> dict[str, Any] | None:
    """A permitted regulariser with all its arguments, or None."""
    if value is None:
        return None
    name, config = _read_regularizer(value)
    return {
        "module": "keras.regularizers",
        "class_name": name,
        "config": {**_REGULARIZER_DEFAULTS[name], **config},
        "registered_name": None,
    }


def constraint(value: Any) -> dict[str, Any] | None:
    """A permitted constraint with all its arguments, or None."""
    if value is None:
        return None
    name, config = _read_constraint(value)
    return {
        "module": "keras.constraints",
        "class_name": name,
        "config": {**_CONSTRAINT_DEFAULTS[name], **config},
        "registered_name": None,
    }


_ACTIVATION_LAYERS: Mapping[str, tuple[str, float]] = {
    "LeakyReLU": ("negative_slope", 0.3),
    "ELU": ("alpha", 1.0),
}


def _activation_layer(name: str, config: Any) -> dict[str, Any]:
    """A layer in the place of an activation, as `activation=LeakyReLU(0.1)` leaves it."""
    argument, default = _ACTIVATION_LAYERS[name]
    given = config if isinstance(config, dict) else {}
    slope = number(0)(given.get(argument, given.get("alpha", default)))
    written = {"name": name.lower(), "dtype": "float32", argument: slope}
    return {"module": "keras.layers", "class_name": name, "config": written, "registered_name": None}


def activation(value: Any) -> str | dict[str, Any]:
    """The name of a permitted activation, or a LeakyReLU or ELU layer in its place; None is linear."""
    if value is None:
        return "linear"
    if isinstance(value, dict):
        _refuse_custom(value, "keras.activations")
        name = value.get("class_name")
        if isinstance(name, str) and name in _ACTIVATION_LAYERS:
            return _activation_layer(name, value.get("config"))
        inner = value.get("config")
        value = inner if value.get("class_name") == "function" else value.get("class_name")
    name = _ACTIVATION_ALIASES.get(value, value) if isinstance(value, str) else ""
    if name not in ACTIVATIONS:
        raise Unfit(f"one of Keras's own activations, not {show(value)}")
    return name
