"""Whole models, Sequential and Functional, as any Keras wrote them, to the canonical form."""

from __future__ import annotations

from typing import Any

from volunteer.plan.arguments import Unfit, flag, show
from volunteer.plan.bounds import Bounds
from volunteer.plan.functional_reader import read_functional
from volunteer.plan.input_reader import declared_input, input_layer, read_input, single_input
from volunteer.plan.json_tree import plain_tree
from volunteer.plan.layer_reader import MODELS, Scope, config_of, describe_layer, read_layer, refuse_foreign
from volunteer.plan.nodes import clean_name
from volunteer.plan.refused import Refused


def read_model(raw: Any, bounds: Bounds) -> dict[str, Any]:
    """The canonical form of a model configuration; Refused for anything the allow-list does not permit."""
    tree = plain_tree(raw, bounds)
    if not isinstance(tree, dict) or not isinstance(tree.get("class_name"), str):
        raise Refused("The file's model description is not one that Keras writes.")
    if tree["class_name"] not in MODELS:
        raise Refused(
            f"The model is of the class {show(tree['class_name'])}; only Sequential and functional models "
            "can be trained here, because a model class of one's own is program code."
        )
    _refuse_shared(tree)
    return read_any(tree, Scope(bounds, keras2=_by_keras2(tree), read_any=read_any))


def read_any(raw: Any, scope: Scope) -> dict[str, Any]:
    """The canonical form of a model or a layer within one."""
    class_name = raw.get("class_name") if isinstance(raw, dict) else None
    if class_name not in MODELS:
        return read_layer(raw, scope)
    refuse_foreign(raw)
    where = describe_layer(raw) if scope.depth else "The model"
    config = raw.get("config")
    if isinstance(config, list):
        config = {"name": "sequential", "layers": config}
    config = dict(config if isinstance(config, dict) else config_of(raw))
    try:
        name = clean_name(config.get("name", "model"))
        trainable = flag(config.get("trainable", True)) if config.get("trainable") is not None else True
    except Unfit as unfit:
        raise Refused(f"{where}: {unfit}.") from None
    layers = config.get("layers")
    if not isinstance(layers, list) or not layers:
        raise Refused(f"{where} has no layers.")
    if len(layers) > scope.bounds.layers:
        raise Refused(f"{where} has {len(layers):,} layers; the limit is {scope.bounds.layers:,}.")
    _check_policy(config.get("dtype"), where)
    inner = scope.inside(where, trainable)
    if class_name == "Sequential":
        shape = config.get("build_input_shape") or _build_shape(raw)
        return _sequential(name, layers, shape, inner, top=scope.depth == 0)
    return read_functional(name, config, inner, where)


def _check_policy(dtype: Any, where: str) -> None:
    if isinstance(dtype, dict):
        policy = dtype.get("config")
        dtype = policy.get("name") if isinstance(policy, dict) else dtype
    if dtype not in (None, "float32"):
        raise Refused(f"{where} computes in {show(dtype)}; only float32 is supported.")


def _build_shape(raw: dict[str, Any]) -> Any:
    build = raw.get("build_config")
    return build.get("input_shape") if isinstance(build, dict) else None


def _sequential(name: str, layers: list[Any], shape: Any, scope: Scope, top: bool) -> dict[str, Any]:
    first, rest = layers[0], layers
    head: list[dict[str, Any]] = []
    if isinstance(first, dict) and first.get("class_name") == "InputLayer":
        head, rest = [read_input(first)], layers[1:]
    read = [scope.read_any(layer, scope) for layer in rest]
    if not read:
        raise Refused(f"Model {show(name)} has no layers besides its input.")
    if not head:
        found = declared_input(first) or single_input(read[0]) or _shape_only(shape, first)
        if found is not None:
            names = {layer["config"]["name"] for layer in read}
            own = f"{read[0]['config']['name']}_input"
            while own in names:
                own += "_"
            head = [input_layer(own, *found)]
        elif top:
            raise Refused("The model does not say the shape of its input; build it with keras.Input first.")
    names_seen: set[str] = set()
    for layer in head + read:
        if layer["config"]["name"] in names_seen:
            raise Refused(f"Two layers of model {show(name)} are called {show(layer['config']['name'])}.")
        names_seen.add(layer["config"]["name"])
    config = {"name": name, "layers": head + read}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def _shape_only(shape: Any, first: Any) -> tuple[list[int | None], str] | None:
    if not isinstance(shape, list):
        return None
    return declared_input({"class_name": first.get("class_name"), "config": {"batch_input_shape": shape}})


def _by_keras2(tree: dict[str, Any]) -> bool:
    """Whether Keras 2 wrote this: Keras 3 gives every built model an input with a `batch_shape`."""
    waiting: list[Any] = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            config = value.get("config")
            if (
                value.get("class_name") == "InputLayer"
                and isinstance(config, dict)
                and "batch_shape" in config
            ):
                return False
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return True


def _refuse_shared(tree: dict[str, Any]) -> None:
    """Refuse a layer that, by Keras's shared-object marks, stands in two places: its weights would part."""
    seen: set[int] = set()
    waiting: list[Any] = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            mark = value.get("shared_object_id")
            config = value.get("config")
            is_layer = isinstance(config, dict) and "name" in config and "trainable" in config
            if isinstance(mark, int) and is_layer:
                if mark in seen:
                    raise Refused(
                        f"{describe_layer(value)} stands in two models at once, which is not supported."
                    )
                seen.add(mark)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
