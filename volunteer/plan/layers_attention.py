"""Attention: with its own projections (MultiHeadAttention) and without."""

from __future__ import annotations

from math import prod

from volunteer.plan.arguments import Unfit, choice, either, flag, integer, number, optional, several
from volunteer.plan.rules import ANYTHING, Argument, LayerRule, Step, Visit, axis_of, known, weights
from volunteer.plan.shapes import Shape, cells


def _multi_head(visit: Visit) -> Step:
    config = visit.config
    if len(visit.inputs) not in (2, 3):
        raise Unfit(f"it has {len(visit.inputs)} inputs; it takes query, value and perhaps key")
    query, value, key = (*visit.inputs, visit.inputs[1])[:3]
    if not len(query) == len(value) == len(key) >= 2:
        raise Unfit("query, key and value need equally many dimensions, at least 3 with the batch")
    heads, width, value_width = (
        config["num_heads"],
        config["key_dim"],
        config["value_dim"] or config["key_dim"],
    )
    last = config["output_shape"] or [known(query[-1])]
    axes = config["attention_axes"] or range(1, len(query))
    positions = [axis_of(axis, len(query)) for axis in axes]
    if len(query) - 1 in positions:
        raise Unfit("attention_axes cannot name the last dimension")
    attended = cells(key[position] for position in positions)
    projections = ((query, width), (key, width), (value, value_width))
    bias = int(config["use_bias"])
    parameters = operations = held = 0
    for shape, size in projections:
        parameters += (known(shape[-1]) + bias) * heads * size
        operations += cells(shape) * heads * size
        held += cells(shape[:-1]) * heads * size
    parameters += (heads * value_width + bias) * prod(last)
    rows = cells(query[:-1])
    scores = rows * heads * attended
    operations += scores * (width + value_width) + rows * heads * value_width * prod(last)
    held += 2 * scores + rows * heads * value_width
    return Step(((*query[:-1], *last),), parameters, operations, held)


def _plain_inputs(visit: Visit) -> tuple[Shape, Shape, Shape]:
    if len(visit.inputs) not in (2, 3):
        raise Unfit(f"it has {len(visit.inputs)} inputs; it takes query, value and perhaps key")
    query, value, key = (*visit.inputs, visit.inputs[1])[:3]
    if not len(query) == len(value) == len(key) == 2:
        raise Unfit("query, value and key need 3 dimensions with the batch")
    if query[-1] != key[-1] or value[0] != key[0]:
        raise Unfit("query, value and key do not fit together")
    return query, value, key


def _attention(visit: Visit) -> Step:
    query, value, key = _plain_inputs(visit)
    scores = cells((query[0], key[0]))
    concatenated = visit.config["score_mode"] == "concat"
    held = 2 * scores + (scores * cells(query[-1:]) if concatenated else 0)
    parameters = int(visit.config["use_scale"]) + int(concatenated)
    return Step(
        ((query[0], value[-1]),), parameters, scores * cells((query[-1],)) + scores * cells(value[-1:]), held
    )


def _additive(visit: Visit) -> Step:
    query, value, key = _plain_inputs(visit)
    scores = cells((query[0], key[0]))
    width = known(query[-1])
    operations = scores * (width + cells(value[-1:]))
    parameters = width if visit.config["use_scale"] else 0
    return Step(((query[0], value[-1]),), parameters, operations, scores * (width + 2))


_RATE = {"dropout": Argument(number(0, 1), 0.0)}
_PLAIN_DROPPED = {"seed": ANYTHING, "causal": (False,)}
_AXES = optional(either(lambda value: [integer(-8, 8)(value)], several(integer(-8, 8))))

RULES: dict[str, LayerRule] = {
    "MultiHeadAttention": LayerRule(
        _multi_head,
        {
            "num_heads": Argument(integer()),
            "key_dim": Argument(integer()),
            "value_dim": Argument(optional(integer()), None),
            **_RATE,
            "use_bias": Argument(flag, True),
            "output_shape": Argument(
                optional(either(lambda value: [integer()(value)], several(integer()))), None
            ),
            "attention_axes": Argument(_AXES, None),
            **weights("kernel", "bias"),
        },
        dropped={
            "seed": ANYTHING,
            "flash_attention": (None, False),
            "use_gate": (False,),
            "sliding_window": (None,),
            "query_shape": ANYTHING,
            "key_shape": ANYTHING,
            "value_shape": ANYTHING,
        },
        call="multihead",
    ),
    "Attention": LayerRule(
        _attention,
        {"use_scale": Argument(flag, False), "score_mode": Argument(choice("dot", "concat"), "dot"), **_RATE},
        _PLAIN_DROPPED,
        call="attention",
    ),
    "AdditiveAttention": LayerRule(
        _additive, {"use_scale": Argument(flag, True), **_RATE}, _PLAIN_DROPPED, call="attention"
    ),
}
