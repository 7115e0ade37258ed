"""Layers that hold a layer: Bidirectional and TimeDistributed."""

from __future__ import annotations

from typing import Any

from volunteer.plan.arguments import Unfit, choice, show
from volunteer.plan.rules import Argument, Config, LayerRule, Step, Visit
from volunteer.plan.shapes import Shape, cells

RECURRENT = ("LSTM", "GRU", "SimpleRNN")


def _merged(visit: Visit, output: Shape) -> tuple[Shape, ...]:
    mode = visit.config["merge_mode"]
    if mode is None:
        return (output, output)
    if mode == "concat":
        return ((*output[:-1], 2 * cells(output[-1:])),)
    return (output,)


def _bidirectional(visit: Visit) -> Step:
    layer = visit.config["layer"]
    backward = visit.config["backward_layer"] or _turned(layer)
    for one in (layer, backward):
        if one["class_name"] not in RECURRENT:
            raise Unfit(f"it can hold {', '.join(RECURRENT)}, not {one['class_name']}")
    for argument in ("return_sequences", "return_state", "go_backwards"):
        if (layer["config"][argument] == backward["config"][argument]) is (argument == "go_backwards"):
            raise Unfit(f"{argument} of its two layers do not go together")
    states = len(visit.inputs) - 1
    if states % 2:
        raise Unfit("it takes equally many initial states for both directions")
    half = 1 + states // 2
    there = visit.inner(layer, visit.inputs[:half])
    back = visit.inner(backward, (visit.inputs[0], *visit.inputs[half:]))
    if there.outputs[0] != back.outputs[0]:
        raise Unfit("its two layers give outputs of different shapes")
    states_out = (*there.outputs[1:], *back.outputs[1:])
    return Step(
        (*_merged(visit, there.outputs[0]), *states_out),
        there.parameters + back.parameters,
        there.operations + back.operations,
        there.held + back.held + 2 * cells(there.outputs[0]),
        there.frozen + back.frozen,
    )


def _turned(layer: Config) -> Config:
    """The backward layer that Keras makes of the forward one."""
    return {**layer, "config": {**layer["config"], "go_backwards": True}}


def _time_distributed(visit: Visit) -> Step:
    if len(visit.shape) < 2:
        raise Unfit("its input needs a time axis and at least one more dimension")
    time = visit.shape[0]
    step = visit.inner(visit.config["layer"], (visit.shape[1:],))
    if len(step.outputs) != 1:
        raise Unfit("the layer it holds gives more than one output")
    steps = cells((time,))
    return Step(
        ((time, *step.outputs[0]),),
        step.parameters,
        step.operations * steps,
        (step.held + cells(step.outputs[0])) * steps,
        step.frozen,
    )


def _missing(value: Any) -> Any:
    """Layers are read by the reader itself; only what is no layer at all comes here."""
    raise Unfit(f"a layer, not {show(value)}")


RULES: dict[str, LayerRule] = {
    "Bidirectional": LayerRule(
        _bidirectional,
        {
            "layer": Argument(_missing),
            "backward_layer": Argument(choice(None), None),
            "merge_mode": Argument(choice("concat", "sum", "mul", "ave", None), "concat"),
        },
        dropped={"weights": (None,), "num_constants": (None, 0)},
        inner=("layer", "backward_layer"),
        call="recurrent",
    ),
    "TimeDistributed": LayerRule(_time_distributed, {"layer": Argument(_missing)}, inner=("layer",)),
}
