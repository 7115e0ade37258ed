"""Takes out of a Keras 3 model the masks that it recorded as operations: Keras works them out again.

Beside an Embedding(mask_zero=True) or a Masking layer Keras 3 stores the comparisons that make its mask, and
that later layers are given it. Masks that a person made otherwise are refused, not dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from volunteer.plan.arguments import Unfit
from volunteer.plan.layer_reader import config_of, describe_layer
from volunteer.plan.nodes import Ref, clean_name, operands_of
from volunteer.plan.refused import Refused

MASK_KEYWORDS = frozenset(("mask", "query_mask", "value_mask", "key_mask"))
_OPERATIONS = frozenset(
    (
        *("NotEqual", "Any", "All", "LogicalOr", "LogicalAnd", "LogicalNot", "ZerosLike", "OnesLike", "Cast"),
        *("ConvertToTensor", "ExpandDims", "Squeeze", "Reshape", "Concatenate", "Repeat", "Tile", "Flip"),
    )
)


def without_masks(layers: list[Any], outputs: Iterable[Ref]) -> list[Any]:
    """The same layers without recorded masks; Refused for a mask that no layer makes by itself."""
    if not any(_masks(node) for layer in layers for node in _nodes(layer)):
        return layers
    try:
        return _pruned({_name(layer): layer for layer in layers}, outputs)
    except Unfit as unfit:
        raise Refused(f"The model's layers are called in a way that is not understood: {unfit}.") from None


def _pruned(layers: dict[str, Any], outputs: Iterable[Ref]) -> list[Any]:
    reached: set[str] = set()
    waiting = [ref.layer for ref in outputs]
    while waiting:
        name = waiting.pop()
        if name in layers and name not in reached:
            reached.add(name)
            waiting += [ref.layer for node in _nodes(layers[name]) for ref in _tensors(node)]
    dropped = {
        name
        for name, layer in layers.items()
        if name not in reached and layer.get("class_name") in _OPERATIONS
    }
    _check_sources(layers, dropped)
    kept: list[Any] = []
    for name, layer in layers.items():
        if name in dropped:
            continue
        if any(ref.layer not in dropped for node in _nodes(layer) for ref in _masks(node)):
            raise Refused(
                f"{describe_layer(layer)} is called with a mask of its own, which is not supported."
            )
        kept.append({**layer, "inbound_nodes": [_plain(node) for node in _nodes(layer)]})
    return kept


def _check_sources(layers: dict[str, Any], dropped: set[str]) -> None:
    """Every comparison that is dropped must be the one that a Masking or Embedding layer makes anyway."""
    made: set[tuple[Ref, float]] = set()
    for layer in layers.values():
        config = config_of(layer)
        if layer.get("class_name") == "Masking":
            value = config.get("mask_value", 0.0)
        elif layer.get("class_name") == "Embedding" and config.get("mask_zero"):
            value = 0.0
        else:
            continue
        made |= {(ref, float(value)) for node in _nodes(layer) for ref in _tensors(node)}
    for name in dropped:
        if layers[name].get("class_name") != "NotEqual":
            continue
        for node in _nodes(layers[name]):
            compared = list(operands_of(node.get("args")))
            pair = (compared[0], compared[1]) if len(compared) == 2 else None
            if pair not in made:
                raise Refused(
                    f"{describe_layer(layers[name])} makes a mask of its own, which is not supported."
                )


def _name(layer: Any) -> str:
    return clean_name(layer.get("name", config_of(layer).get("name")))


def _nodes(layer: Any) -> list[Any]:
    nodes = layer.get("inbound_nodes") if isinstance(layer, dict) else None
    return [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []


def _keywords(node: dict[str, Any]) -> dict[str, Any]:
    keywords = node.get("kwargs")
    return keywords if isinstance(keywords, dict) else {}


def _masks(node: dict[str, Any]) -> list[Ref]:
    given = [value for name, value in _keywords(node).items() if name in MASK_KEYWORDS]
    return [ref for ref in operands_of(given, strict=False) if isinstance(ref, Ref)]


def _tensors(node: dict[str, Any]) -> list[Ref]:
    rest = [value for name, value in _keywords(node).items() if name not in MASK_KEYWORDS]
    return [ref for ref in operands_of([node.get("args"), rest], strict=False) if isinstance(ref, Ref)]


def _plain(node: dict[str, Any]) -> dict[str, Any]:
    return {
        **node,
        "kwargs": {name: value for name, value in _keywords(node).items() if name not in MASK_KEYWORDS},
    }
