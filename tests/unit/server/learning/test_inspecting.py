"""Uploads tried once: what is learned about a good one, and the sentences that refuse the others."""

from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest

from server.learning.inspecting import inspect
from server.rules.learning_values import InspectRequest
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.project_plan import Role
from volunteer.plan.refused import Refused
from volunteer.protocol.tensors import load
from volunteer.training.runtime import keras, tf

L = keras.layers

# Keras's own saving, which only the tests call, trips over numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def _described(thing: Any) -> Any:
    return keras.saving.serialize_keras_object(thing)


def _model() -> Any:
    keras.utils.set_random_seed(2)
    inner = keras.Sequential([keras.Input((8,)), L.Dense(5, "relu"), L.BatchNormalization()], name="inner")
    inputs = keras.Input((8,), name="numbers")
    x = L.Dropout(0.3)(inner(inputs))
    x = L.Dense(5, trainable=False)(x)
    return keras.Model(inputs, L.Dense(3, "softmax")(x))


@pytest.fixture
def make_request(tmp_path: Path) -> Any:
    def make(model: Any, kind: str = "keras", **changes: Any) -> InspectRequest:
        file = tmp_path / ("clean.h5" if kind == "h5" else "clean.weights.h5")
        model.save(file) if kind == "h5" else model.save_weights(file)
        architecture = canonicalise(_described(model))
        inputs = list(describe(architecture).inputs)
        rng = np.random.default_rng(0)
        x = {}
        for spec in inputs:
            x[spec.name] = str(tmp_path / f"{spec.name}.npy")
            np.save(x[spec.name], rng.standard_normal((50, *spec.shape)).astype(np.float32))
        np.save(tmp_path / "y.npy", rng.integers(0, 3, 50))
        values: dict[str, Any] = {
            "architecture": architecture,
            "loss": _described(keras.losses.SparseCategoricalCrossentropy()),
            "metrics": [_described(keras.metrics.SparseCategoricalAccuracy(name="accuracy"))],
            "optimizer": _described(keras.optimizers.Adam()),
            "inputs": inputs,
            "kind": kind,
            "weights_file": str(file),
            "batch_size": 16,
            "out": str(tmp_path / "out"),
            "x": x,
            "y": str(tmp_path / "y.npy"),
        }
        return InspectRequest(**(values | changes))

    return make


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_each_variable_is_traced_to_its_dataset_and_carries_its_values(kind: str, make_request: Any) -> None:
    model = _model()
    request = make_request(model, kind)
    found = inspect(request)
    assert [spec.path for spec in found.variables] == [variable.path for variable in model.weights]
    with h5py.File(request.weights_file) as file:
        for source, variable in zip(found.sources, model.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(file[source]), variable.numpy())
    tensors, _ = load(Path(found.weights))
    trainable = np.concatenate([variable.numpy().ravel() for variable in model.trainable_variables])
    np.testing.assert_array_equal(tensors["trainable"], trainable)
    assert load(Path(found.frozen))[0]["frozen"].shape == (30,)


def test_roles_are_told_apart_and_the_trial_leaves_its_numbers(make_request: Any) -> None:
    found = inspect(make_request(_model()))
    roles = [spec.role for spec in found.variables]
    assert roles.count(Role.moving) == 2
    assert roles.count(Role.frozen) == 2
    assert {spec.momentum for spec in found.variables} == {None, 0.99}
    assert found.loss is not None
    assert np.isfinite(found.loss)
    assert set(found.metrics) == {"accuracy"}
    assert found.seconds is not None
    assert found.sums == 3


def test_a_model_without_data_is_built_and_read_but_not_tried(make_request: Any) -> None:
    found = inspect(make_request(_model(), y=None, x={}))
    assert (found.loss, found.seconds, found.sums) == (None, None, 3)


def test_a_model_without_a_weights_file_starts_from_its_initialisers(make_request: Any) -> None:
    request = make_request(_model(), weights_file=None)
    first, second = inspect(request), inspect(request)
    assert first.sources == []
    assert Path(first.weights).read_bytes() == Path(second.weights).read_bytes()


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_weights_of_another_architecture_are_refused_in_a_sentence(kind: str, make_request: Any) -> None:
    other = keras.Sequential([keras.Input((8,)), L.Dense(3, "softmax")])
    request = make_request(_model(), kind)
    foreign = make_request(other, kind).weights_file
    with pytest.raises(Refused, match=r"do not fit its architecture: .{10}") as refusal:
        inspect(msgspec.structs.replace(request, weights_file=foreign))
    assert "\n" not in refusal.value.sentence


def test_weights_of_another_shape_are_refused(make_request: Any) -> None:
    request = make_request(keras.Sequential([keras.Input((8,)), L.Dense(3, name="d")], name="s"))
    foreign = make_request(keras.Sequential([keras.Input((8,)), L.Dense(4, name="d")], name="s")).weights_file
    with pytest.raises(Refused, match="do not fit its architecture"):
        inspect(msgspec.structs.replace(request, weights_file=foreign))


def test_weights_that_are_not_numbers_are_refused(make_request: Any) -> None:
    model = _model()
    model.trainable_variables[0].assign(tf.fill(model.trainable_variables[0].shape, np.nan))
    with pytest.raises(Refused, match="not all finite"):
        inspect(make_request(model))


def test_data_that_do_not_fit_the_input_are_refused_beside_the_data(make_request: Any, tmp_path: Path) -> None:
    request = make_request(_model())
    np.save(request.x["numbers"], np.zeros((50, 9), np.float32))
    with pytest.raises(Refused, match=r"does not take examples of shape \(9,\): .{10}") as refusal:
        inspect(request)
    assert refusal.value.field == "data"


def test_labels_that_do_not_fit_the_loss_are_refused_beside_the_labels(make_request: Any) -> None:
    request = make_request(_model(), loss=_described(keras.losses.CategoricalCrossentropy()), metrics=[])
    with pytest.raises(Refused, match=r"Labels of shape \(\) do not fit") as refusal:
        inspect(request)
    assert refusal.value.field == "labels"


def test_a_metric_that_does_not_fit_the_labels_is_named_beside_the_metrics(make_request: Any) -> None:
    metric = keras.metrics.Precision(name="hits")
    with pytest.raises(Refused, match=r"The metric hits does not fit") as refusal:
        inspect(make_request(_model(), metrics=[_described(metric)]))
    assert refusal.value.field == "metrics"


def test_a_loss_that_is_not_finite_at_the_start_is_refused(make_request: Any) -> None:
    request = make_request(_model())
    np.save(request.x["numbers"], np.full((50, 8), 3e38, np.float32))
    with pytest.raises(Refused, match=r"not a finite number|not finite"):
        inspect(request)


def test_a_layer_with_state_of_its_own_is_refused(make_request: Any) -> None:
    model = keras.Sequential([keras.Input((8,)), L.Dense(3, "softmax")])
    request = make_request(model)
    spectral = keras.Sequential([keras.Input((8,)), L.SpectralNormalization(L.Dense(3, "softmax"))])
    spectral.save_weights(request.weights_file)
    request = msgspec.structs.replace(request, architecture=_described(spectral))
    request = msgspec.structs.replace(
        request,
        inputs=[msgspec.structs.replace(request.inputs[0], name="any")],
        x={"any": next(iter(request.x.values()))},
    )
    with pytest.raises(Refused, match="neither trained nor a moving statistic"):
        inspect(request)


def test_a_model_without_anything_to_train_is_refused(make_request: Any) -> None:
    model = keras.Sequential([keras.Input((8,)), L.Dense(3, "softmax")])
    request = make_request(model)
    model.trainable = False
    with pytest.raises(Refused, match="no weights to train"):
        inspect(msgspec.structs.replace(request, architecture=_described(model)))


def test_an_optimizer_that_keras_does_not_know_is_refused_beside_the_optimizer(make_request: Any) -> None:
    request = make_request(_model(), optimizer={"class_name": "Adam", "config": {"colour": 1}})
    with pytest.raises(Refused) as refusal:
        inspect(request)
    assert refusal.value.field == "optimizer"


def test_the_trial_leaves_no_probe_behind(make_request: Any) -> None:
    request = make_request(_model())
    inspect(request)
    assert sorted(path.name for path in Path(request.out).iterdir()) == [
        "frozen.safetensors",
        "weights.safetensors",
    ]
