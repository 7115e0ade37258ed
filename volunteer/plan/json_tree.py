"""Makes a tree of JSON values out of a file safe to walk: bounded depth, size and texts, plain lists."""

from __future__ import annotations

from typing import Any

from volunteer.plan.bounds import Bounds
from volunteer.plan.refused import Refused

_LISTS = ("__tuple__", "TensorShape", "__numpy__")


def plain_tree(raw: Any, bounds: Bounds) -> Any:
    """A copy of `raw` in which Keras's notations for tuples, shapes and arrays are plain lists.

    Works without recursion, so that no depth of nesting can end it. Raises Refused past the bounds.
    """
    root: list[Any] = [raw]
    waiting: list[tuple[Any, Any, int]] = [(root, 0, 0)]
    seen = 1
    while waiting:
        holder, key, depth = waiting.pop()
        value = _unwrapped(holder[key])
        seen += len(value) if isinstance(value, dict | list | tuple) else 0
        if depth > bounds.json_depth:
            raise Refused(f"The model's description is nested more than {bounds.json_depth} levels deep.")
        if seen > bounds.json_values:
            raise Refused(f"The model's description holds more than {bounds.json_values:,} values.")
        if isinstance(value, dict):
            copy: Any = dict(value)
            if any(not isinstance(name, str) or len(name) > bounds.text for name in copy):
                raise Refused("The model's description holds a name that is not a short text.")
            waiting += [(copy, name, depth + 1) for name in copy]
            holder[key] = copy
        elif isinstance(value, list | tuple):
            copy = list(value)
            waiting += [(copy, index, depth + 1) for index in range(len(copy))]
            holder[key] = copy
        elif isinstance(value, str) and len(value) > bounds.text and depth > 0:
            holder[key] = value[: bounds.text] + "..."
        elif value is None or isinstance(value, str | int | float):
            holder[key] = value
        else:
            raise Refused("The model's description holds something that is not JSON.")
    return root[0]


def _unwrapped(value: Any) -> Any:
    """What is inside Keras's notation for a tuple, a shape or an array."""
    for _ in range(3):
        if not isinstance(value, dict) or value.get("class_name") not in _LISTS:
            break
        inner = value.get("items", value.get("config", []))
        value = inner.get("value", []) if isinstance(inner, dict) else inner
    return value
