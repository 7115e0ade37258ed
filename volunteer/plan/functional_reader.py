"""Functional models of Keras 2 or 3 to the canonical form: layers, their calls, inputs and outputs."""

from __future__ import annotations

from typing import Any

from volunteer.plan.arguments import Unfit
from volunteer.plan.input_reader import read_input
from volunteer.plan.layer_reader import MODELS, Scope, describe_layer, find_rule
from volunteer.plan.masks import without_masks
from volunteer.plan.nodes import Call, Ref, check_call, clean_name, read_call, read_ref, write_node
from volunteer.plan.refused import Refused
from volunteer.plan.rules import LayerRule

_TENSORFLOW_SETTINGS = frozenset(("axis", "keepdims", "alpha", "approximate"))


class _Graph:
    """The layers of one functional model while it is read."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.layers: dict[str, dict[str, Any]] = {}
        self.rules: dict[str, LayerRule | None] = {}
        self.calls: dict[str, list[Call]] = {}

    def add(self, raw: Any, scope: Scope) -> None:
        """Read one layer with its calls."""
        where = describe_layer(raw)
        if not isinstance(raw, dict):
            raise Refused(f"{self.where} holds something that is not a layer.")
        calls: list[Call] = []
        nodes = raw.get("inbound_nodes", [])
        if not isinstance(nodes, list) or len(nodes) > scope.bounds.layers:
            raise Refused(f"{where} is called in a way that is not understood.")
        try:
            if raw.get("class_name") == "InputLayer":
                layer, rule = read_input(raw), None
            else:
                layer, rule, calls = self._callable(raw, nodes, scope)
            name = clean_name(raw.get("name", layer["config"]["name"]))
        except Unfit as unfit:
            raise Refused(f"{where}: {unfit}.") from None
        if name in self.layers:
            raise Refused(f"Two layers of {self.where} are called '{name}'.")
        layer["config"]["name"] = name
        self.layers[name], self.rules[name], self.calls[name] = layer, rule, calls

    def _callable(
        self, raw: dict[str, Any], nodes: list[Any], scope: Scope
    ) -> tuple[dict[str, Any], LayerRule | None, list[Call]]:
        rule = None if raw.get("class_name") in MODELS else find_rule(raw)[1]
        of_tensorflow = raw.get("class_name") == "TFOpLambda"
        settings = _TENSORFLOW_SETTINGS if of_tensorflow else frozenset()
        read = [read_call(node, rule, settings) for node in nodes if node]
        if of_tensorflow:
            if len(read) != 1:
                raise Unfit("it is called more than once")
            found = {
                ("negative_slope" if key == "alpha" else key): value for key, value in read[0][1].items()
            }
            raw = {**raw, "config": {**raw["config"], **{k: v for k, v in found.items() if v is not None}}}
        calls = [call for call, _ in read]
        for call in calls:
            check_call(call, rule)
        layer = scope.read_any(raw, scope)
        if scope.keras2:
            for _, found in read:
                _check_training(layer, found.get("training"))
        return layer, rule, calls

    def renumber(self, ends: list[Ref], keras2: bool) -> list[Ref]:
        """Count the calls of nested models from 0, as layers count theirs, in calls and in `ends`.

        Keras 2 counts a model's own graph as its first call; Keras 3 does so for the ends of a model only.
        """
        models = {name for name, layer in self.layers.items() if layer["class_name"] in MODELS}
        lowest: dict[str, int] = {}
        for ref in [*ends, *(ref for calls in self.calls.values() for call in calls for ref in call.inputs)]:
            if ref.layer not in self.layers:
                raise Refused(f"{self.where} refers to a layer '{ref.layer}' that it does not have.")
            lowest[ref.layer] = min(ref.call, lowest.get(ref.layer, ref.call))

        def moved(ref: Ref, end: bool) -> Ref:
            if ref.layer not in models:
                return ref
            if keras2:
                return ref._replace(call=ref.call - min(lowest[ref.layer], 1))
            one_up = end and self.layers[ref.layer]["class_name"] == "Functional" and ref.call > 0
            return ref._replace(call=ref.call - int(one_up))

        for name, calls in self.calls.items():
            self.calls[name] = [
                Call(
                    tuple(moved(op, False) if isinstance(op, Ref) else op for op in call.operands),
                    call.keywords,
                )
                for call in calls
            ]
        return [moved(ref, True) for ref in ends]

    def check(self, refs: list[Ref]) -> None:
        """Refuse references to calls that are not there."""
        for ref in [*refs, *(ref for calls in self.calls.values() for call in calls for ref in call.inputs)]:
            calls = 1 if self.layers[ref.layer]["class_name"] == "InputLayer" else len(self.calls[ref.layer])
            if ref.call >= calls:
                raise Refused(
                    f"{self.where} refers to call {ref.call} of layer '{ref.layer}', which is not there."
                )

    def check_reached(self, outputs: list[Ref]) -> None:
        """Refuse layers that lead to no output: Keras leaves them out, and their weights find no place."""
        waiting = [ref.layer for ref in outputs]
        reached: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += [ref.layer for call in self.calls[name] for ref in call.inputs]
        for name, layer in self.layers.items():
            if name not in reached and layer["class_name"] != "InputLayer":
                raise Refused(
                    f"{describe_layer(layer)} leads to no output of {self.where[0].lower()}{self.where[1:]}."
                )


_NOISE = ("Dropout", "GaussianDropout", "AlphaDropout", "GaussianNoise")


def _check_training(layer: dict[str, Any], training: bool | None) -> None:
    """Refuse what only Keras 2 can do: a call that keeps its mode, of layers for which the mode matters."""
    waiting: list[Any] = [] if training is None else [layer]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            name, config = value.get("class_name"), value.get("config")
            moves = name == "BatchNormalization" and isinstance(config, dict) and config["trainable"]
            if moves or name in _NOISE or str(name).startswith("SpatialDropout"):
                raise Unfit(
                    f"it is called with training={training}, which Keras 3 cannot keep for the {name} in it; "
                    "set trainable = False, or leave such layers out"
                )
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _ends(value: Any, where: str) -> list[Ref]:
    """Input or output tensors of a model: one, a list, or a dictionary (in the order of its keys)."""
    try:
        if isinstance(value, list) and value and isinstance(value[0], str):
            return [read_ref(value)]
        if isinstance(value, dict):
            return [read_ref(value[key]) for key in sorted(value)]
        if isinstance(value, list) and value:
            return [read_ref(item) for item in value]
    except Unfit as unfit:
        raise Refused(f"{where}: {unfit}.") from None
    raise Refused(f"{where} does not say its inputs and outputs.")


def _written(ref: Ref, layer: dict[str, Any]) -> list[Any]:
    """An end of a model in Keras 3 notation, which counts from 1 the calls of functional models."""
    return [ref.layer, ref.call + (layer["class_name"] == "Functional"), ref.tensor]


def read_functional(name: str, config: dict[str, Any], scope: Scope, where: str) -> dict[str, Any]:
    """The canonical form of a functional model whose `config` this is."""
    inputs, outputs = _ends(config.get("input_layers"), where), _ends(config.get("output_layers"), where)
    graph = _Graph(where)
    for raw in without_masks(config["layers"], outputs):
        graph.add(raw, scope)
    if scope.depth == 1 and len(outputs) != 1:
        raise Refused(
            f"The model has {len(outputs)} outputs; only models with one output can be trained here."
        )
    ends = graph.renumber([*inputs, *outputs], scope.keras2)
    graph.check(ends)
    inputs, outputs = ends[: len(inputs)], ends[len(inputs) :]
    graph.check_reached(outputs)
    entries = {layer for layer, found in graph.layers.items() if found["class_name"] == "InputLayer"}
    named = [ref.layer for ref in inputs if (ref.call, ref.tensor) == (0, 0)]
    if len(named) != len(inputs) or len(set(named)) != len(named) or set(named) != entries:
        raise Refused(f"{where} must begin with its input layers, each of them once.")
    layers = [
        {
            **layer,
            "name": key,
            "inbound_nodes": [write_node(call, graph.rules[key]) for call in graph.calls[key]],
        }
        for key, layer in graph.layers.items()
    ]
    written_inputs: list[Any] = [_written(ref, graph.layers[ref.layer]) for ref in inputs]
    written_outputs: list[Any] = [_written(ref, graph.layers[ref.layer]) for ref in outputs]
    canonical = {
        "name": name,
        "layers": layers,
        "input_layers": written_inputs[0] if len(written_inputs) == 1 else written_inputs,
        "output_layers": written_outputs[0] if len(written_outputs) == 1 else written_outputs,
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": canonical,
        "registered_name": "Functional",
    }
