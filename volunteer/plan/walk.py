"""Pure shape inference over a canonical model: shapes, weights, memory and operations, nothing allocated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from volunteer.plan.allowed import LAYERS, OPERATIONS
from volunteer.plan.arguments import Unfit, show
from volunteer.plan.bounds import BYTES, Meter
from volunteer.plan.layer_reader import describe_layer
from volunteer.plan.nodes import Call, Ref, read_call
from volunteer.plan.refused import Refused
from volunteer.plan.rules import Config, LayerRule, Step, Visit
from volunteer.plan.shapes import Shape, cells


class Value(NamedTuple):
    """A tensor on its way: shape of one example and the activation that made it, if one did."""

    shape: Shape
    activation: str | None = None


@dataclass
class Walk:
    """One walk through a model. Weights are counted at a layer's first call; others must need the same."""

    meter: Meter
    trainable: int = 0
    built: dict[int, int] = field(default_factory=dict)
    declared: set[int] = field(default_factory=set)

    def model(self, model: Config, inputs: Sequence[Value]) -> list[Value]:
        """The outputs of a model for these inputs."""
        if model["class_name"] == "Sequential":
            return self._sequential(model, inputs)
        return self._functional(model, inputs)

    def _check_declared(self, model: Config, entries: Sequence[Config], inputs: Sequence[Value]) -> None:
        """Keras builds a model for the shapes it declares, before any call: they must do for its weights."""
        declared = [Value(tuple(entry["config"]["batch_shape"][1:])) for entry in entries]
        if id(model) not in self.declared and [value.shape for value in inputs] != [
            v.shape for v in declared
        ]:
            self.declared.add(id(model))
            walk = Walk(Meter(self.meter.bounds, calls=self.meter.calls), declared=self.declared)
            walk.model(model, declared)

    def layer(self, layer: Config, inputs: Sequence[Value], keywords: Config) -> list[Value]:
        """The outputs of one call of a layer, counted; Refused, naming it, where its inputs do not fit."""
        if layer["class_name"] in ("Sequential", "Functional"):
            return self.model(layer, inputs)
        where, rule = describe_layer(layer), rule_of(layer)
        shapes = tuple(value.shape for value in inputs)
        try:
            step = rule.walk(Visit(layer["config"], shapes, keywords, self._inner))
        except Unfit as unfit:
            raise Refused(f"{where}: {unfit}.") from None
        self._count(layer, where, step)
        activation = _activation(layer, rule, inputs)
        return [Value(shape, activation if index == 0 else None) for index, shape in enumerate(step.outputs)]

    def _count(self, layer: Config, where: str, step: Step) -> None:
        before = self.built.setdefault(id(layer), -1)
        if before < 0:
            self.meter.add_layer(where)
            self.meter.add_parameters(where, step.parameters)
            self.trainable += step.parameters - step.frozen if layer["config"].get("trainable") else 0
            self.built[id(layer)] = step.parameters
        elif before != step.parameters:
            raise Refused(
                f"{where} is called with inputs of different shapes, which do not fit the same weights."
            )
        self.meter.add_outputs(where, step.outputs, step.held, step.operations)

    def _inner(self, layer: Config, shapes: tuple[Shape, ...]) -> Step:
        """What a wrapper needs to know of one call of the layer it holds."""
        _check_alone(layer, len(shapes))
        walk = Walk(Meter(self.meter.bounds, calls=self.meter.calls))
        values = walk.layer(layer, [Value(shape) for shape in shapes], {})
        outputs = tuple(value.shape for value in values)
        meter = walk.meter
        held = meter.activation_bytes // BYTES - sum(cells(shape) for shape in outputs)
        return Step(
            outputs, meter.parameters, meter.operations, max(held, 0), meter.parameters - walk.trainable
        )

    def _sequential(self, model: Config, inputs: Sequence[Value]) -> list[Value]:
        if len(inputs) != 1:
            raise Refused(
                f"Model {show(model['config']['name'])} is called with {len(inputs)} inputs; it takes one."
            )
        values = list(inputs)
        for layer in model["config"]["layers"]:
            if layer["class_name"] == "InputLayer":
                _check_input(layer, values[0].shape)
                self._check_declared(model, [layer], values)
                continue
            _check_alone(layer, 1)
            values = self.layer(layer, values, {})
            if len(values) != 1:
                raise Refused(
                    f"{describe_layer(layer)} gives {len(values)} outputs inside a Sequential model."
                )
        return values

    def _functional(self, model: Config, inputs: Sequence[Value]) -> list[Value]:
        config = model["config"]
        entries = input_names(model)
        if len(entries) != len(inputs):
            raise Refused(
                f"Model {show(config['name'])} is called with {len(inputs)} inputs; it takes {len(entries)}."
            )
        layers = {layer["name"]: layer for layer in config["layers"]}
        known: dict[tuple[str, int], list[Value]] = {}
        for name, value in zip(entries, inputs, strict=True):
            _check_input(layers[name], value.shape)
            known[name, 0] = [value]
        self._check_declared(model, [layers[name] for name in entries], inputs)
        waiting = [
            (name, _calls(layer)) for name, layer in layers.items() if layer["class_name"] != "InputLayer"
        ]
        done = {name: 0 for name, _ in waiting}
        while waiting:
            left: list[tuple[str, list[Call]]] = []
            progress = False
            for name, calls in waiting:
                while done[name] < len(calls) and _ready(calls[done[name]], known):
                    call = calls[done[name]]
                    values = [_pick(ref, known) for ref in call.inputs]
                    known[name, done[name]] = self.layer(layers[name], values, call.keywords)
                    done[name] += 1
                    progress = True
                if done[name] < len(calls):
                    left.append((name, calls))
            if left and not progress:
                raise Refused(f"{describe_layer(layers[left[0][0]])} stands in a loop of layers.")
            waiting = left
        return [_pick(_output_ref(ref, layers), known) for ref in output_refs(model)]


def _check_alone(layer: Config, inputs: int) -> None:
    """Refuse, where a layer is called with what another one gives, those that are not layers of one input."""
    if layer["class_name"] in ("Sequential", "Functional"):
        return
    rule = rule_of(layer)
    if rule.is_operation or (rule.call != "recurrent" and (rule.call != "one" or inputs != 1)):
        raise Refused(f"{describe_layer(layer)} stands where a layer with one input is needed.")


def rule_of(layer: Config) -> LayerRule:
    """The rule of a canonical layer or operation."""
    return (LAYERS if layer["module"] == "keras.layers" else OPERATIONS)[layer["class_name"]]


def _refs(value: Any) -> list[list[Any]]:
    return [value] if isinstance(value[0], str) else value


def input_names(model: Config) -> list[str]:
    """Names of a canonical functional model's input layers, in the order of its inputs."""
    return [ref[0] for ref in _refs(model["config"]["input_layers"])]


def output_refs(model: Config) -> list[Ref]:
    """The output tensors of a canonical functional model, as written."""
    return [Ref(*ref) for ref in _refs(model["config"]["output_layers"])]


def _output_ref(ref: Ref, layers: Mapping[str, Config]) -> Ref:
    return ref._replace(call=ref.call - (layers[ref.layer]["class_name"] == "Functional"))


def _calls(layer: Config) -> list[Call]:
    rule = None if layer["class_name"] in ("Sequential", "Functional") else rule_of(layer)
    return [read_call(node, rule)[0] for node in layer["inbound_nodes"]]


def _ready(call: Call, known: Mapping[tuple[str, int], list[Value]]) -> bool:
    return all((ref.layer, ref.call) in known for ref in call.inputs)


def _pick(ref: Ref, known: Mapping[tuple[str, int], list[Value]]) -> Value:
    values = known.get((ref.layer, ref.call), [])
    if ref.tensor >= len(values):
        raise Refused(f"The model uses output {ref.tensor} of layer '{ref.layer}', which is not there.")
    return values[ref.tensor]


def _check_input(layer: Config, shape: Shape) -> None:
    wanted = layer["config"]["batch_shape"][1:]
    fits = len(wanted) == len(shape) and all(
        one is None or other is None or one == other for one, other in zip(wanted, shape, strict=True)
    )
    if not fits:
        raise Refused(
            f"{describe_layer(layer)} takes examples of shape {show(wanted)}, not {show(list(shape))}."
        )


_OPERATION_ACTIVATIONS = {
    name: name.lower() for name in ("Relu", "Sigmoid", "Softmax", "Tanh", "Softplus", "Exp")
}


def _activation(layer: Config, rule: LayerRule, inputs: Sequence[Value]) -> str | None:
    if rule.passes_activation:
        return inputs[0].activation
    if layer["class_name"] == "Softmax":
        return "softmax"
    if rule.is_operation:
        return _OPERATION_ACTIVATIONS.get(layer["class_name"])
    activation = layer["config"].get("activation")
    return activation if isinstance(activation, str) else None
