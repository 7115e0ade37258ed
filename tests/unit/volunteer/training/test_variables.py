"""Roles, momenta and flat vectors of a model's variables."""

from typing import Any

import msgspec
import numpy as np
import pytest

from volunteer.plan.project_plan import Role, Weights
from volunteer.plan.refused import Refused
from volunteer.training.build import build_model, input_names
from volunteer.training.gradients import Engine, MiniBatch
from volunteer.training.runtime import keras, prepare
from volunteer.training.variables import (
    assign_weights,
    bind,
    describe_variables,
    read_frozen,
    read_weights,
    seed_states,
)

L = keras.layers


def _model() -> Any:
    block = keras.Sequential([keras.Input((4,)), L.Dense(4), L.BatchNormalization(momentum=0.5)], name="block")
    a, b = keras.Input((4,), name="b_comes_first"), keras.Input((4,), name="a")
    merged = L.Concatenate()([block(a), block(b)])
    once = L.BatchNormalization(momentum=0.8)(merged)
    return keras.Model([a, b], L.Dense(2)(L.Dense(3, trainable=False)(once)))


def test_every_weight_has_a_role_in_the_order_of_keras() -> None:
    model = _model()
    specs = describe_variables(model)
    assert [spec.path for spec in specs] == [variable.path for variable in model.weights]
    assert [spec.role for spec in specs].count(Role.trainable) == 8
    assert [spec.role for spec in specs].count(Role.moving) == 4
    assert [spec.role for spec in specs].count(Role.frozen) == 2


def test_a_normalization_used_twice_moves_with_the_square_of_its_momentum() -> None:
    momenta = [spec.momentum for spec in describe_variables(_model()) if spec.role is Role.moving]
    assert momenta == [0.25, 0.25, 0.8, 0.8]


def test_the_described_momentum_is_how_much_of_the_old_statistics_one_mini_batch_keeps(
    make_plan: Any,
) -> None:
    model = _model()
    plan = make_plan(model, keras.losses.MeanSquaredError())
    weights = read_weights(bind(model, plan.variables))
    rng = np.random.default_rng(0)
    x = {name: rng.standard_normal((8, 4)).astype(np.float32) for name in input_names(model)}
    batch = MiniBatch(0, x, np.zeros((8, 2), np.float32))
    engine, after = Engine(plan), []
    frozen = read_frozen(bind(model, plan.variables))
    for start in (np.zeros_like(weights.moving), np.ones_like(weights.moving)):
        engine.begin(Weights(weights.trainable, start), frozen, 0)
        engine.add([batch])
        after.append(start + engine.sums().moving / 8)
    sizes = [spec.size for spec in plan.of_role(Role.moving)]
    momenta = np.repeat([spec.momentum for spec in plan.of_role(Role.moving)], sizes)
    np.testing.assert_allclose(after[1] - after[0], momenta, atol=1e-5)


def test_weights_survive_the_way_through_flat_vectors() -> None:
    model = _model()
    bound = bind(model, describe_variables(model))
    size = sum(spec.size for spec in bound.of_role(Role.trainable))
    weights = Weights(np.arange(size, dtype=np.float32), np.arange(24, dtype=np.float32))
    assign_weights(bound, weights)
    found = read_weights(bound)
    np.testing.assert_array_equal(found.trainable, weights.trainable)
    np.testing.assert_array_equal(found.moving, weights.moving)


def test_a_plan_with_other_variables_is_refused() -> None:
    model = _model()
    specs = list(describe_variables(model))
    specs[0] = msgspec.structs.replace(specs[0], shape=(5, 4))
    with pytest.raises(Refused, match="other variables"):
        bind(model, specs)


def test_seed_states_of_nested_and_recurrent_layers_are_found_once_each() -> None:
    shared = keras.Sequential([keras.Input((6, 3)), L.Dropout(0.1), L.LSTM(2, dropout=0.1)])
    inputs = keras.Input((6, 3))
    both = L.Add()([shared(inputs), shared(inputs)])
    model = keras.Model(inputs, L.GaussianDropout(0.1)(both))
    assert len(seed_states(model)) == 3
    rebuilt = build_model(keras.saving.serialize_keras_object(model))
    assert len(seed_states(rebuilt)) == 3


def test_a_changed_frozen_vector_reaches_layers_that_bake_it_into_the_graph(make_plan: Any) -> None:
    inputs = keras.Input((3,))
    norm = L.Normalization()
    norm.adapt(np.random.default_rng(0).standard_normal((9, 3)))
    model = keras.Model(inputs, L.Dense(1)(norm(inputs)))
    plan = make_plan(model, keras.losses.MeanSquaredError(), checked=False)
    bound = bind(model, plan.variables)
    weights, frozen = read_weights(bound), read_frozen(bound)
    batch = MiniBatch(0, {plan.inputs[0].name: np.ones((4, 3), np.float32)}, np.zeros((4, 1), np.float32))
    engine, losses = Engine(plan), []
    for vector in (frozen, frozen + 1, frozen):
        engine.begin(weights, vector, 0)
        engine.add([batch])
        losses.append(engine.sums().sums[0])
    assert losses[0] == losses[2] != losses[1]


def test_keras_does_not_take_over_the_configuration_of_this_machine() -> None:
    assert keras.config.backend() == "tensorflow"
    assert keras.config.floatx() == "float32"
    assert keras.config.image_data_format() == "channels_last"


def test_no_thread_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        prepare(0)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}},
            "what shape its input has",
        ),
        ({"class_name": "Sequential", "config": {"name": "s", "layers": []}}, "what shape its input has"),
        ({"class_name": "NoSuchThing", "config": {}}, "cannot build"),
    ],
)
def test_what_keras_cannot_build_is_refused_with_a_sentence(model: Any, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        build_model(model)
