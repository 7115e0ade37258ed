"""Which of a model's variables are trained, moved by BatchNormalization or frozen; their flat vectors."""

import collections
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volunteer.plan.project_plan import Role, VariableSpec, Weights, join, split
from volunteer.plan.refused import Refused
from volunteer.training.runtime import keras

Vector = NDArray[np.float32]


def describe_variables(model: keras.Model) -> tuple[VariableSpec, ...]:
    """The model's weights in Keras's order, each with its role. Seed states are not among them."""
    trainable = {id(variable) for variable in model.trainable_variables}
    momentum = _moving(model)
    specs = []
    for variable in model.weights:
        if id(variable) in trainable:
            role = Role.trainable
        elif id(variable) in momentum:
            role = Role.moving
        else:
            role = Role.frozen
        shape = tuple(int(size) for size in variable.shape)
        specs.append(VariableSpec(variable.path, shape, role, momentum.get(id(variable))))
    return tuple(specs)


@dataclass(frozen=True)
class Bound:
    """The variables of one built model beside a plan's specs; each list in the plan's order."""

    model: keras.Model
    specs: tuple[VariableSpec, ...]
    trainable: list[Any]
    moving: list[Any]
    frozen: list[Any]

    def of_role(self, role: Role) -> list[VariableSpec]:
        return [spec for spec in self.specs if spec.role is role]


def bind(model: keras.Model, specs: Sequence[VariableSpec]) -> Bound:
    """Raises Refused when the model as built here has other variables than the plan says."""
    here = describe_variables(model)
    said = [(spec.shape, spec.role, spec.momentum) for spec in specs]
    if [(spec.shape, spec.role, spec.momentum) for spec in here] != said:
        raise Refused("The model built here has other variables than the description of the work says.")
    by_role: dict[Role, list[Any]] = {role: [] for role in Role}
    for variable, spec in zip(model.weights, here, strict=True):
        by_role[spec.role].append(variable)
    return Bound(model, tuple(specs), by_role[Role.trainable], by_role[Role.moving], by_role[Role.frozen])


def assign_weights(bound: Bound, weights: Weights) -> None:
    """Set trainable and moving variables from flat vectors."""
    _assign(bound.trainable, split(weights.trainable, bound.of_role(Role.trainable)))
    assign_moving(bound, weights.moving)


def assign_moving(bound: Bound, moving: Vector) -> None:
    """Set BatchNormalization's moving statistics alone."""
    _assign(bound.moving, split(moving, bound.of_role(Role.moving)))


def assign_frozen(bound: Bound, frozen: Vector) -> None:
    """Set the frozen variables. Must come before the model is traced.

    Normalization bakes its mean into the graph.
    """
    _assign(bound.frozen, split(frozen, bound.of_role(Role.frozen)))
    for layer in bound.model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and layer.built:
            layer.finalize_state()


def read_weights(bound: Bound) -> Weights:
    return Weights(_read(bound.trainable), _read(bound.moving))


def read_frozen(bound: Bound) -> Vector:
    return _read(bound.frozen)


def seed_states(model: keras.Model) -> list[Any]:
    """The state variable of every seed generator in the model, each once, in the order of its layers.

    Keras keeps them outside `weights`; layers that share a generator (the cells of a dropout LSTM) share a
    state.
    """
    found: dict[int, Any] = {}
    for layer in model._flatten_layers():
        for generator in layer._seed_generators:
            found.setdefault(id(generator.state), generator.state)
    return list(found.values())


def _moving(model: keras.Model) -> dict[int, float]:
    """The momentum of each moving statistic, by the variable's id.

    A BatchNormalization that the model applies j times in one pass moves j times, which is one move with
    momentum m^j; then the rule for k mini-batches holds for shared layers too.
    """
    uses = _uses(model)
    momentum = {}
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization) and layer.built:
            value = float(layer.momentum) ** max(uses[id(layer)], 1)
            momentum[id(layer.moving_mean)] = value
            momentum[id(layer.moving_variance)] = value
    return momentum


def _uses(model: keras.Model) -> collections.Counter[int]:
    """How many times one pass through the model applies each layer, nested models unfolded."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    counts: collections.Counter[int] = collections.Counter()
    for node in itertools.chain.from_iterable(graph._nodes_by_depth.values()):
        operation = node.operation
        if isinstance(operation, keras.Model):
            counts.update(_uses(operation))
        elif isinstance(operation, keras.layers.Layer):
            counts.update(id(layer) for layer in operation._flatten_layers())
    return counts


def _assign(variables: list[Any], arrays: list[Vector]) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _read(variables: list[Any]) -> Vector:
    return join(variable.numpy() for variable in variables)
