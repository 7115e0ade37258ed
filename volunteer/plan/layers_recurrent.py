"""Recurrent layers. Those that carry state from one mini-batch to the next are refused."""

from __future__ import annotations

from volunteer.plan.arguments import Unfit, choice, flag, integer, number
from volunteer.plan.parts import activation
from volunteer.plan.rules import ANYTHING, Argument, LayerRule, Step, Visit, known, rank_of, weights
from volunteer.plan.shapes import Shape, cells

_GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
_STATES = {"SimpleRNN": 1, "GRU": 1, "LSTM": 2}


def _recurrent(kind: str, visit: Visit) -> Step:
    config, units, gates = visit.config, visit.config["units"], _GATES[kind]
    shape = rank_of(Visit(config, visit.inputs[:1], {}, visit.inner), 2)
    for state in visit.inputs[1:]:
        if state != (units,):
            raise Unfit(f"its initial state has the shape {state}; it needs {(units,)}")
    if len(visit.inputs) not in (1, 1 + _STATES[kind]):
        raise Unfit(f"it takes {_STATES[kind]} initial states, not {len(visit.inputs) - 1}")
    width = known(shape[-1])
    biases = 2 if config.get("reset_after") else 1
    parameters = gates * units * (width + units + (biases if config["use_bias"] else 0))
    steps = cells(shape[:1])
    output: Shape = (shape[0], units) if config["return_sequences"] else (units,)
    outputs = (output, *(((units,),) * _STATES[kind] if config["return_state"] else ()))
    held = steps * units * (gates + _STATES[kind])
    return Step(outputs, parameters, steps * gates * units * (width + units), held)


def _arguments(*, recurrent_activation: bool) -> dict[str, Argument]:
    second = {"recurrent_activation": Argument(activation, "sigmoid")} if recurrent_activation else {}
    return {
        "units": Argument(integer()),
        "activation": Argument(activation, "tanh"),
        **second,
        "use_bias": Argument(flag, True),
        **weights("kernel", "recurrent", "bias"),
        "dropout": Argument(number(0, 1), 0.0),
        "recurrent_dropout": Argument(number(0, 1), 0.0),
        "return_sequences": Argument(flag, False),
        "return_state": Argument(flag, False),
        "go_backwards": Argument(flag, False),
        "stateful": Argument(choice(False), False),
        "zero_output_for_mask": Argument(flag, False),
    }


_DROPPED = {
    "seed": ANYTHING,
    "unroll": ANYTHING,
    "use_cudnn": ANYTHING,
    "implementation": ANYTHING,
    "time_major": (False,),
    "input_length": ANYTHING,
    "input_dim": ANYTHING,
    "consume_less": ANYTHING,
}

RULES: dict[str, LayerRule] = {
    "SimpleRNN": LayerRule(
        lambda visit: _recurrent("SimpleRNN", visit),
        _arguments(recurrent_activation=False),
        _DROPPED,
        call="recurrent",
    ),
    "GRU": LayerRule(
        lambda visit: _recurrent("GRU", visit),
        {**_arguments(recurrent_activation=True), "reset_after": Argument(flag, False)},
        _DROPPED,
        call="recurrent",
    ),
    "LSTM": LayerRule(
        lambda visit: _recurrent("LSTM", visit),
        {**_arguments(recurrent_activation=True), "unit_forget_bias": Argument(flag, True)},
        _DROPPED,
        call="recurrent",
    ),
}
