"""One layer's configuration, as any Keras wrote it, to the canonical one with all its permitted arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from volunteer.plan.allowed import ALIASES, LAYERS, OPERATIONS, reason
from volunteer.plan.arguments import Unfit, flag, show
from volunteer.plan.bounds import Bounds
from volunteer.plan.nodes import clean_name
from volunteer.plan.operations import MODULES, OF_TENSORFLOW, TENSORFLOW_DEFAULTS
from volunteer.plan.parts import of_keras, regularizer
from volunteer.plan.refused import Refused
from volunteer.plan.rules import ANYTHING, REQUIRED, LayerRule

MODELS = ("Sequential", "Functional", "Model")
_FLOATS = ("float32", None)
_EVERYWHERE: dict[str, tuple[Any, ...]] = {"dynamic": (False,), "autocast": (True, False, None)}
_FIRST_LAYER = ("batch_input_shape", "batch_shape", "input_shape", "input_dtype", "batch_size")


@dataclass(frozen=True)
class Scope:
    """Where in the model the reader is: inside how many models, and whether something around it is frozen."""

    bounds: Bounds
    keras2: bool
    read_any: Callable[[Any, Scope], dict[str, Any]]
    depth: int = 0
    trainable: bool = True

    def inside(self, where: str, trainable: bool) -> Scope:
        """The scope of what a model or wrapper holds; Refused when too deep."""
        if self.depth + 1 > self.bounds.nesting:
            raise Refused(f"{where} is nested more than {self.bounds.nesting} models deep.")
        return replace(self, depth=self.depth + 1, trainable=self.trainable and trainable)


def describe_layer(raw: Any) -> str:
    """What a refusal calls this layer: its class and its name."""
    if not isinstance(raw, dict):
        return "A layer"
    config = raw.get("config")
    name = config.get("name") if isinstance(config, dict) else raw.get("name")
    class_name = raw.get("class_name")
    label = class_name if isinstance(class_name, str) and class_name.isprintable() else show(class_name)
    return f"Layer {label[:60]}" + (f" {show(name)}" if isinstance(name, str) else "")


def config_of(raw: Any) -> dict[str, Any]:
    """The `config` of a layer or model; Refused where there is none."""
    config = raw.get("config") if isinstance(raw, dict) else None
    if not isinstance(config, dict):
        raise Refused(f"{describe_layer(raw)} has no configuration.")
    return config


def refuse_foreign(raw: dict[str, Any]) -> None:
    """Refuse a class that only bears the name of one of Keras's own."""
    module, registered = raw.get("module"), raw.get("registered_name")
    if not of_keras(module) or (
        registered is not None and registered not in (raw.get("class_name"), "Functional")
    ):
        raise Refused(
            f"{describe_layer(raw)} is a custom class ({show(registered or module)}); it cannot be used."
        )


def find_rule(raw: Any) -> tuple[str, LayerRule]:
    """Canonical class name and rule of a layer or operation; Refused if it is not on the allow-list."""
    class_name = raw.get("class_name") if isinstance(raw, dict) else None
    if not isinstance(class_name, str):
        raise Refused("The model holds a layer without a class name.")
    refuse_foreign(raw)
    config = config_of(raw)
    module = raw.get("module")
    if class_name == "TFOpLambda":
        function = config.get("function")
        if not isinstance(function, str) or function not in OF_TENSORFLOW:
            raise Refused(
                f"{describe_layer(raw)} calls TensorFlow's function {show(function)}, which is not supported."
            )
        return OF_TENSORFLOW[function], OPERATIONS[OF_TENSORFLOW[function]]
    bare = module is None and "trainable" not in config and "dtype" not in config
    of_operation = isinstance(module, str) and module.startswith(MODULES)
    if class_name in OPERATIONS and (of_operation or bare):
        return class_name, OPERATIONS[class_name]
    class_name = ALIASES.get(class_name, class_name)
    rule = LAYERS.get(class_name)
    if rule is None or of_operation:
        raise Refused(f"{describe_layer(raw)} {reason(class_name)}.")
    return class_name, rule


def read_layer(raw: Any, scope: Scope) -> dict[str, Any]:
    """The canonical form of one layer or operation (not of an InputLayer or a model)."""
    where = describe_layer(raw)
    class_name, rule = find_rule(raw)
    given = dict(config_of(raw))
    if raw.get("class_name") == "ThresholdedReLU":
        given["threshold"] = given.pop("theta", 1.0)
    try:
        canonical: dict[str, Any] = {"name": clean_name(given.pop("name", raw.get("name")))}
    except Unfit as unfit:
        raise Refused(f"{where}: {unfit}.") from None
    trainable = _trainable(given, scope, where)
    _check_dtype(given.pop("dtype", None), class_name, scope, where)
    if raw.get("class_name") == "TFOpLambda":
        given.pop("function", None)
        given = {**TENSORFLOW_DEFAULTS.get(class_name, {}), **given}
    if not rule.is_operation:
        canonical |= {"dtype": "float32"} if rule.bare else {"trainable": trainable, "dtype": "float32"}
    canonical |= _arguments(rule, given, scope, where, trainable)
    return {"module": rule.module, "class_name": class_name, "config": canonical, "registered_name": None}


def _trainable(given: dict[str, Any], scope: Scope, where: str) -> bool:
    try:
        return flag(given.pop("trainable", True)) and scope.trainable
    except Unfit as unfit:
        raise Refused(f"{where}: argument 'trainable' must be {unfit}.") from None


def _check_dtype(dtype: Any, class_name: str, scope: Scope, where: str) -> None:
    if isinstance(dtype, dict):
        policy = dtype.get("config")
        dtype = policy.get("name") if isinstance(policy, dict) else dtype
    old_embedding = scope.keras2 and class_name == "Embedding" and dtype in ("int32", "int64")
    if dtype not in _FLOATS and not old_embedding:
        raise Refused(f"{where} computes in {show(dtype)}; only float32 is supported.")


def _arguments(
    rule: LayerRule, given: dict[str, Any], scope: Scope, where: str, trainable: bool
) -> dict[str, Any]:
    """The permitted arguments in the rule's order, defaults filled in; Refused naming layer and argument."""
    given = {rule.renamed.get(name, name): value for name, value in given.items()}
    permitted: dict[str, Any] = {}
    activity = given.pop("activity_regularizer", None)
    for name, argument in rule.arguments.items():
        value = given.pop(name, argument.default)
        if value is REQUIRED:
            raise Refused(f"{where}: argument '{name}' is missing.")
        try:
            if name in rule.inner and value is not None:
                permitted[name] = scope.read_any(value, scope.inside(where, trainable))
            else:
                permitted[name] = argument.check(value)
        except Unfit as unfit:
            raise Refused(f"{where}: argument '{name}' must be {unfit}.") from None
        if scope.keras2 and permitted[name] == "hard_sigmoid":
            raise Refused(
                f"{where} uses hard_sigmoid, which Keras 3 computes differently; use sigmoid instead."
            )
    for name, value in given.items():
        _check_dropped(rule, name, value, where)
    if activity is not None and not rule.bare and not rule.is_operation and "l1" not in rule.arguments:
        try:
            permitted["activity_regularizer"] = regularizer(activity)
        except Unfit as unfit:
            raise Refused(f"{where}: argument 'activity_regularizer' must be {unfit}.") from None
    return permitted


def _check_dropped(rule: LayerRule, name: str, value: Any, where: str) -> None:
    meaningless = rule.dropped.get(name, _EVERYWHERE.get(name))
    if name in _FIRST_LAYER or meaningless is ANYTHING:
        return
    if meaningless is None:
        raise Refused(f"{where}: argument {show(name)} is not supported.")
    if value not in meaningless:
        raise Refused(f"{where}: argument '{name}' cannot be {show(value)}; it is not supported.")
