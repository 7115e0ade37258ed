"""Dense, EinsumDense, Embedding and the layers that only pass values on or scale them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from volunteer.plan.arguments import (
    Unfit,
    either,
    flag,
    integer,
    number,
    optional,
    several,
    text,
)
from volunteer.plan.parts import activation
from volunteer.plan.rules import ANYTHING, Argument, LayerRule, Step, Visit, axis_of, known, same, weights
from volunteer.plan.shapes import cells

_LOW_RANK = {"lora_rank": (None,), "lora_alpha": (None,), "quantization_config": (None,)}


def _dense(visit: Visit) -> Step:
    if not visit.shape:
        raise Unfit("its input is one number for each example; it needs at least one dimension")
    units, width = visit.config["units"], known(visit.shape[-1])
    output = (*visit.shape[:-1], units)
    parameters = width * units + (units if visit.config["use_bias"] else 0)
    return Step((output,), parameters, cells(output) * width)


def _embedding(visit: Visit) -> Step:
    width = visit.config["output_dim"]
    return Step(((*visit.shape, width),), visit.config["input_dim"] * width)


_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


def _parsed(equation: str, rank: int) -> tuple[str, str, str, bool, bool]:
    """Letters of input, kernel and output of 'ab,bc->ac'; whether an ellipsis is left or right of them."""
    match = _EQUATION.fullmatch(equation.replace(" ", ""))
    if match is None:
        raise Unfit("its equation is not of the form 'ab,bc->ac'")
    before, taken, after, kernel, given_before, given, given_after = match.groups()
    if (before, after) != (given_before, given_after) or (before and after):
        raise Unfit("its equation has an ellipsis on one side only")
    if any(len(set(letters)) != len(letters) for letters in (taken, kernel, given)):
        raise Unfit("its equation names an axis twice in one term")
    if (rank < len(taken)) if before or after else (rank != len(taken)):
        raise Unfit(f"its equation wants {len(taken)} dimensions; its input has {rank} with the batch")
    return taken, kernel, given, bool(before), bool(after)


def _aligned(letters: str, sizes: Sequence[int | None], left: bool) -> dict[str, int | None]:
    """The size of each letter; an ellipsis on the left aligns to the right, else the first is the batch."""
    if left:
        return dict(zip(reversed(letters), reversed(sizes), strict=False))
    return dict(zip(letters[1:], sizes, strict=False))


def _product(letters: str, sizes: dict[str, int | None]) -> int:
    if any(letter not in sizes for letter in letters):
        raise Unfit("its equation and its output shape do not say how large its weights are")
    count = 1
    for letter in letters:
        count *= known(sizes[letter], f"axis '{letter}'")
    return count


def _einsum_dense(visit: Visit) -> Step:
    rank = len(visit.shape) + 1
    taken, kernel, given, left, right = _parsed(visit.config["equation"], rank)
    inputs = _aligned(taken, visit.shape, left)
    outputs = _aligned(given, visit.config["output_shape"], left)
    for letter in inputs.keys() & outputs.keys():
        if outputs[letter] is not None and outputs[letter] != inputs[letter]:
            raise Unfit(
                f"its equation gives axis '{letter}' two sizes, {inputs[letter]} and {outputs[letter]}"
            )
    sizes = outputs | {letter: size for letter, size in inputs.items() if size is not None}
    if left and rank - len(taken) > 2:
        raise Unfit("its ellipsis stands for more than two dimensions, which Keras puts in the wrong order")
    kept = visit.shape[: max(rank - 1 - len(taken), 0)] if left else ()
    named = given[1:] if not left or rank == len(taken) else given
    if len(visit.config["output_shape"]) != len(named):
        raise Unfit(f"its equation wants an output_shape of {len(named)} dimensions")
    output = (
        *kept,
        *(outputs.get(letter) for letter in named),
        *(visit.shape[len(taken) - 1 :] if right else ()),
    )
    bias = visit.config["bias_axes"] or ""
    if any(letter not in given for letter in bias):
        raise Unfit("its bias_axes are not axes of its output")
    parameters = _product(kernel, sizes) + (_product(bias, sizes) if bias else 0)
    summed = cells(sizes[letter] for letter in kernel if letter not in given)
    return Step((output,), parameters, cells(output) * summed)


def _normalization(visit: Visit) -> Step:
    for axis in visit.config["axis"]:
        axis_of(axis, len(visit.shape))
    return Step((visit.shape,), 0, cells(visit.shape))


def _list_of_numbers(value: Any) -> Any:
    """Numbers in nested lists, as `mean` and `variance` of a Normalization are stored."""
    if isinstance(value, list):
        return [_list_of_numbers(item) for item in value]
    return number(-1e30, 1e30)(value)


def _axes(value: Any) -> list[int]:
    if value is None:
        return []
    return [integer(-8, 8)(item) for item in (value if isinstance(value, list) else [value])]


def _constant(value: Any) -> Any:
    if value is None:
        raise Unfit(
            "given as numbers: a Normalization that learnt them by adapt() keeps them where training cannot"
        )
    return _list_of_numbers(value)


RULES: dict[str, LayerRule] = {
    "Dense": LayerRule(
        _dense,
        {
            "units": Argument(integer()),
            "activation": Argument(activation, None),
            "use_bias": Argument(flag, True),
            **weights("kernel", "bias"),
        },
        dropped=_LOW_RANK,
    ),
    "EinsumDense": LayerRule(
        _einsum_dense,
        {
            "equation": Argument(text(64)),
            "output_shape": Argument(
                either(lambda value: [optional(integer())(value)], several(optional(integer())))
            ),
            "activation": Argument(activation, None),
            "bias_axes": Argument(optional(text(8)), None),
            **weights("kernel", "bias"),
        },
        dropped={**_LOW_RANK, "gptq_unpacked_column_size": (None,)},
    ),
    "Embedding": LayerRule(
        _embedding,
        {
            "input_dim": Argument(integer()),
            "output_dim": Argument(integer()),
            **weights("embeddings"),
            "mask_zero": Argument(flag, False),
        },
        dropped={**_LOW_RANK, "input_length": ANYTHING, "sparse": (False,), "weights": (None,)},
    ),
    "Identity": LayerRule(same, passes_activation=True),
    "Masking": LayerRule(same, {"mask_value": Argument(number(), 0.0)}, passes_activation=True),
    "ActivityRegularization": LayerRule(
        same,
        {"l1": Argument(number(0), 0.0), "l2": Argument(number(0), 0.0)},
        passes_activation=True,
    ),
    "Rescaling": LayerRule(
        same,
        {"scale": Argument(_list_of_numbers), "offset": Argument(_list_of_numbers, 0.0)},
    ),
    "Normalization": LayerRule(
        _normalization,
        {
            "axis": Argument(_axes, -1),
            "mean": Argument(_constant, None),
            "variance": Argument(_constant, None),
            "invert": Argument(flag, False),
        },
    ),
}
