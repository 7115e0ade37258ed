"""Pure operations on tensors that models hold beside layers, as `relu(x)` and `h + x` leave them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from volunteer.plan.arguments import Unfit, either, flag, integer, number, optional, several, show
from volunteer.plan.layers_merging import RULES as MERGING
from volunteer.plan.layers_merging import broadcast
from volunteer.plan.rules import Argument, LayerRule, Step, Visit, axis_of, same
from volunteer.plan.shapes import cells

NUMPY = "keras.src.ops.numpy"
NN = "keras.src.ops.nn"
ACTIVATIONS = "keras.src.activations.activations"
MODULES = ("keras.src.ops", ACTIVATIONS)

_BINARY = ("Add", "Subtract", "Multiply", "TrueDivide", "Divide", "Maximum", "Minimum", "Power")
_UNARY = {
    **dict.fromkeys(("Negative", "Absolute", "Exp", "Log", "Sqrt", "Square", "Tanh"), NUMPY),
    **dict.fromkeys(("Relu", "Relu6", "Sigmoid", "Selu", "Silu", "Softplus", "Softsign"), NN),
}
_AXES = optional(either(integer(-8, 8), several(integer(-8, 8))))


def _unary(visit: Visit) -> Step:
    return Step((visit.shape,), 0, cells(visit.shape))


def _elementwise(visit: Visit) -> Step:
    if len(visit.inputs) == 1:
        return _unary(visit)
    if len(visit.inputs[0]) != len(visit.inputs[1]):
        first, second = (show(list(shape)) for shape in visit.inputs)
        raise Unfit(f"its inputs of shapes {first} and {second} do not have equally many dimensions")
    output = broadcast(*visit.inputs)
    return Step((output,), 0, cells(output))


def _reduction(visit: Visit) -> Step:
    shape, axes = visit.shape, visit.config["axis"]
    if axes is None:
        raise Unfit("it goes over the batch too; give it an axis")
    positions = {axis_of(axis, len(shape)) for axis in (axes if isinstance(axes, list) else [axes])}
    keep = visit.config["keepdims"]
    output = tuple(
        1 if position in positions else size
        for position, size in enumerate(shape)
        if keep or position not in positions
    )
    return Step((output,), 0, cells(shape))


def _along_axis(visit: Visit) -> Step:
    axis_of(visit.config["axis"], len(visit.shape))
    return same(visit)


_REDUCTION = {"axis": Argument(_AXES, None), "keepdims": Argument(flag, False)}

RULES: Mapping[str, LayerRule] = {
    **{name: LayerRule(_elementwise, call="operands", module=NUMPY) for name in _BINARY},
    **{name: LayerRule(_unary, module=module) for name, module in _UNARY.items()},
    "ReLU": LayerRule(
        _unary,
        {
            "negative_slope": Argument(number(0), 0.0),
            "max_value": Argument(optional(number(0)), None),
            "threshold": Argument(number(0), 0.0),
        },
        module=ACTIVATIONS,
    ),
    "Softmax": LayerRule(_along_axis, {"axis": Argument(integer(-8, 8), -1)}, module=NN),
    "Elu": LayerRule(_unary, {"alpha": Argument(number(0), 1.0)}, module=NN),
    "LeakyRelu": LayerRule(_unary, {"negative_slope": Argument(number(0), 0.2)}, module=NN),
    "Gelu": LayerRule(_unary, {"approximate": Argument(flag, True)}, module=NN),
    **{
        name: LayerRule(_reduction, _REDUCTION, {"initial": (None,)}, module=NUMPY)
        for name in ("Mean", "Sum", "Max", "Min")
    },
    "Concatenate": LayerRule(
        MERGING["Concatenate"].walk, {"axis": Argument(integer(-8, 8), 0)}, call="many", module=NUMPY
    ),
}

OF_TENSORFLOW: Mapping[str, str] = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.truediv": "TrueDivide",
    "math.divide": "TrueDivide",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
    "math.pow": "Power",
    "math.negative": "Negative",
    "math.abs": "Absolute",
    "math.exp": "Exp",
    "math.log": "Log",
    "math.sqrt": "Sqrt",
    "math.square": "Square",
    "math.tanh": "Tanh",
    "nn.tanh": "Tanh",
    "nn.relu": "Relu",
    "nn.relu6": "Relu6",
    "nn.elu": "Elu",
    "nn.selu": "Selu",
    "nn.silu": "Silu",
    "nn.swish": "Silu",
    "nn.gelu": "Gelu",
    "nn.leaky_relu": "LeakyRelu",
    "nn.softmax": "Softmax",
    "nn.softplus": "Softplus",
    "nn.softsign": "Softsign",
    "nn.sigmoid": "Sigmoid",
    "math.sigmoid": "Sigmoid",
    "math.reduce_mean": "Mean",
    "math.reduce_sum": "Sum",
    "math.reduce_max": "Max",
    "math.reduce_min": "Min",
    "concat": "Concatenate",
}
"""Keras 2 recorded TensorFlow functions by these names (class TFOpLambda)."""

TENSORFLOW_DEFAULTS: Mapping[str, Mapping[str, Any]] = {"Gelu": {"approximate": False}}
"""Where a TensorFlow function's default is not that of Keras's operation."""
