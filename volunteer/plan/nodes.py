"""How layers call each other in a functional model: Keras 2 and Keras 3 notation in, one notation out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from volunteer.plan.arguments import Unfit, flag, number, show
from volunteer.plan.rules import LayerRule


class Ref(NamedTuple):
    """One output tensor: of which layer, of its how-manieth call, and which of that call's outputs."""

    layer: str
    call: int
    tensor: int


@dataclass(frozen=True)
class Call:
    """One call of a layer. `operands` are its tensors and constants in order."""

    operands: tuple[Ref | float, ...]
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[Ref, ...]:
        """The tensors among the operands."""
        return tuple(operand for operand in self.operands if isinstance(operand, Ref))


def clean_name(name: Any) -> str:
    """A layer's name; Keras 3 has no slashes in names."""
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 256:
        raise Unfit(f"a layer's name must be a plain text of at most 256 characters, not {show(name)}")
    return name.replace("/", "_")


def read_ref(value: Any) -> Ref:
    """A tensor as [layer, call, tensor], further elements ignored."""
    if not isinstance(value, list) or len(value) < 3:
        raise Unfit(f"a reference to a layer's output must be a list of three, not {show(value)}")
    numbers = value[1:3]
    if any(isinstance(item, bool) or not isinstance(item, int) or not 0 <= item < 10_000 for item in numbers):
        raise Unfit(f"a reference to a layer's output holds {show(numbers)} in place of two small numbers")
    return Ref(clean_name(value[0]), value[1], value[2])


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def operands_of(value: Any, strict: bool = True) -> Iterator[Ref | float]:
    """Tensors and numbers of an argument, nested lists flattened in order.

    Raises Unfit for anything else; with `strict` off it is passed over.
    """
    if _is_tensor(value):
        config = value.get("config")
        yield read_ref(config.get("keras_history") if isinstance(config, dict) else None)
    elif isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str):
        if value[0] == "_CONSTANT_VALUE":
            yield number(-1e30, 1e30)(value[2])
        else:
            yield read_ref(value)
    elif isinstance(value, list):
        for item in value:
            yield from operands_of(item, strict)
    elif strict and value is not None:
        yield number(-1e30, 1e30)(value)


def _raw_call(node: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments and keywords of one inbound node of either notation."""
    if isinstance(node, dict):
        args, keywords = node.get("args", []), node.get("kwargs", {})
    elif isinstance(node, list) and node:
        entries = [node] if isinstance(node[0], str) else node
        last = entries[0][3] if isinstance(entries[0], list) and len(entries[0]) > 3 else {}
        args, keywords = entries, last
    else:
        raise Unfit("it is called in a way that is not understood")
    if not isinstance(args, list) or not isinstance(keywords, dict):
        raise Unfit("it is called in a way that is not understood")
    return args, keywords


_FIRST = ("inputs", "input", "sequences", "sequence", "x", "values", "xs", "x1", "query")
_SECOND = ("value", "x2", "y")
_THIRD = ("key",)
_WITHOUT_MEANING: Mapping[str, tuple[Any, ...]] = {
    "mask": (None,),
    "attention_mask": (None,),
    "query_mask": (None,),
    "value_mask": (None,),
    "key_mask": (None,),
    "return_attention_scores": (False,),
    "constants": (None,),
    "name": (None,),
    "data_format": (None,),
}


def read_call(
    node: Any, rule: LayerRule | None, settings: frozenset[str] = frozenset()
) -> tuple[Call, dict[str, Any]]:
    """One inbound node, and what it holds of the operation's own `settings`, as Keras 2 calls operations.

    `rule` is None for a model. `training`, where the call fixes it, is among what is found: Keras 3 overrides
    it by the mode that the model runs in. Raises Unfit for arguments that are not permitted.
    """
    args, keywords = _raw_call(node)
    operands = list(operands_of(args))
    kept: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name in (*_FIRST, *_SECOND, *_THIRD):
        if name in keywords and name not in settings:
            operands += operands_of(keywords[name])
    for name, value in keywords.items():
        if name in settings:
            found[name] = value
        elif name in (*_FIRST, *_SECOND, *_THIRD):
            continue
        elif name == "initial_state":
            operands += operands_of(value)
        elif name == "training":
            found |= {} if value is None else {name: flag(value)}
        elif name == "use_causal_mask" and rule is not None and rule.call in ("attention", "multihead"):
            kept |= {name: True} if flag(value) else {}
        elif name not in _WITHOUT_MEANING or (value not in _WITHOUT_MEANING[name] and not _empty(value)):
            raise Unfit(f"it is called with {name}={show(value)}, which is not supported")
    return Call(tuple(operands), kept), found


def _empty(value: Any) -> bool:
    """A list of nothing, as the masks of several inputs are where there are none."""
    return isinstance(value, list) and all(item is None for item in value)


_COUNTS = {"one": (1, 1), "recurrent": (1, 5), "multihead": (2, 3), "attention": (2, 3), "operands": (2, 2)}


def check_call(call: Call, rule: LayerRule | None) -> None:
    """Raises Unfit where a call has too few or too many tensors for its layer."""
    least, most = _COUNTS.get(rule.call, (1, 1000)) if rule is not None else (1, 1000)
    if not least <= len(call.operands) <= most or not call.inputs:
        raise Unfit(f"it is called with {len(call.operands)} inputs; it takes {least} to {most}")
    if len(call.inputs) != len(call.operands) and (rule is None or rule.call != "operands"):
        raise Unfit("it is called with a number in place of a tensor")


def _tensor(ref: Ref) -> dict[str, Any]:
    history = [ref.layer, ref.call, ref.tensor]
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None], "dtype": "float32", "keras_history": history},
    }


def write_node(call: Call, rule: LayerRule | None) -> dict[str, Any]:
    """The call in Keras 3 notation, tensors arranged as the layer takes them."""
    values: list[Any] = [_tensor(op) if isinstance(op, Ref) else op for op in call.operands]
    keywords: dict[str, Any] = dict(call.keywords)
    kind = ("one" if len(values) == 1 else "many") if rule is None else rule.call
    if kind in ("many", "attention"):
        values = [values]
    elif kind == "recurrent" and len(values) > 1:
        keywords["initial_state"] = values[1:]
        values = values[:1]
    elif kind == "multihead" and len(values) > 2:
        keywords["key"] = values[2]
        values = values[:2]
    return {"args": values, "kwargs": keywords}
