"""The engine against a plain loop of GradientTape, against Keras's own fit, and against itself in pieces."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.plan.seeds import layer_seed
from volunteer.training.gradients import Engine, MiniBatch, UnitSums
from volunteer.training.runtime import keras, tf
from volunteer.training.variables import bind, read_frozen, read_weights

L = keras.layers


def _integer(classes: int) -> Callable[..., Any]:
    return lambda rng, n: rng.integers(0, classes, n)


def _one_hot(classes: int) -> Callable[..., Any]:
    return lambda rng, n: np.eye(classes, dtype=np.float32)[rng.integers(0, classes, n)]


def _real(width: int) -> Callable[..., Any]:
    return lambda rng, n: rng.standard_normal((n, width))


def _words(rng: Any, shape: Any) -> Any:
    # Zeros are padding, which the embedding masks.
    return rng.integers(0, 20, shape) * (rng.random(shape) > 0.3)


def _mlp_integer() -> Any:
    model = keras.Sequential([keras.Input((6,)), L.Dense(8, "relu"), L.Dense(4, "softmax")])
    return model, keras.losses.SparseCategoricalCrossentropy(), ["SparseCategoricalAccuracy"], _integer(4)


def _mlp_one_hot() -> Any:
    model = keras.Sequential([keras.Input((6,)), L.Dense(8, "tanh"), L.Dense(4)])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    return model, loss, ["CategoricalAccuracy", "TopKCategoricalAccuracy"], _one_hot(4)


def _regression() -> Any:
    inputs = keras.Input((6,))
    normalised = L.Normalization(mean=[1.0] * 6, variance=[2.0] * 6)(inputs)
    model = keras.Model(inputs, L.Dense(2)(L.Dense(8, "gelu")(normalised)))
    return model, keras.losses.Huber(), ["MeanAbsoluteError", "RootMeanSquaredError", "R2Score"], _real(2)


def _regularised() -> Any:
    hidden = L.Dense(8, "relu", kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2")
    model = keras.Sequential([keras.Input((6,)), hidden, L.Dense(1, kernel_constraint="unit_norm")])
    return (
        model,
        keras.losses.MeanSquaredError(),
        [],
        lambda rng, n: rng.standard_normal(n).astype(np.float32),
    )


def _batch_norm() -> Any:
    inputs = keras.Input((6,))
    norm = L.BatchNormalization(momentum=0.9)
    x = norm(L.Dense(5)(norm(L.Dense(5)(inputs))))
    frozen = L.BatchNormalization(trainable=False)
    model = keras.Model(inputs, L.Dense(4, "softmax")(L.Activation("relu")(frozen(x))))
    return model, keras.losses.SparseCategoricalCrossentropy(), ["SparseCategoricalAccuracy"], _integer(4)


def _dropout() -> Any:
    model = keras.Sequential(
        [keras.Input((6,)), L.Dense(16, "relu"), L.Dropout(0.4), L.GaussianNoise(0.2), L.Dense(4, "softmax")]
    )
    return model, keras.losses.SparseCategoricalCrossentropy(), ["SparseCategoricalAccuracy"], _integer(4)


def _flat(arrays: Any) -> Any:
    parts = [np.asarray(array).ravel() for array in arrays]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _lstm() -> Any:
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int64"),
            L.Embedding(20, 4, mask_zero=True),
            L.Bidirectional(L.LSTM(3, dropout=0.2, recurrent_dropout=0.2)),
            L.Dense(1, "sigmoid"),
        ]
    )
    return (
        model,
        keras.losses.BinaryCrossentropy(),
        ["BinaryAccuracy", "AUC"],
        lambda rng, n: rng.integers(0, 2, (n, 1)),
    )


def _tagging() -> Any:
    """A loss for each position: here the mask reaches the loss and the metric."""
    model = keras.Sequential(
        [
            keras.Input((5,), dtype="int64"),
            L.Embedding(20, 4, mask_zero=True),
            L.LSTM(4, return_sequences=True),
            L.Dense(3, "softmax"),
        ]
    )
    label = lambda rng, n: rng.integers(0, 3, (n, 5))  # noqa: E731
    return model, keras.losses.SparseCategoricalCrossentropy(), ["SparseCategoricalAccuracy"], label


def _two_inputs() -> Any:
    left, right = keras.Input((6,), name="zebra"), keras.Input((6,), name="ant")
    merged = L.Concatenate()([L.Dense(4, "relu")(left), L.Dense(3, "tanh")(right)])
    model = keras.Model([left, right], L.Dense(4, "softmax")(merged))
    return model, keras.losses.SparseCategoricalCrossentropy(), ["SparseCategoricalAccuracy"], _integer(4)


def _nested_cnn() -> Any:
    block = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(3, 2), L.BatchNormalization(), L.Dropout(0.2)])
    a, b = keras.Input((16,), name="a"), keras.Input((16,), name="b")
    shape = L.Reshape((4, 4, 1))
    both = L.Subtract()([block(shape(a)), block(shape(b))])
    model = keras.Model({"a": a, "b": b}, L.Dense(2, "softmax")(L.GlobalAveragePooling2D()(both)))
    return model, keras.losses.SparseCategoricalCrossentropy(), ["SparseCategoricalAccuracy"], _integer(2)


CASES: dict[str, tuple[Callable[[], Any], dict[str, Any], Any]] = {
    "mlp_integer_labels": (_mlp_integer, {"": (6,)}, None),
    "mlp_one_hot_labels": (_mlp_one_hot, {"": (6,)}, None),
    "regression": (_regression, {"": (6,)}, None),
    "regularised": (_regularised, {"": (6,)}, None),
    "batch_norm": (_batch_norm, {"": (6,)}, None),
    "dropout": (_dropout, {"": (6,)}, None),
    "embedding_lstm": (_lstm, {"": (5,)}, _words),
    "tagging": (_tagging, {"": (5,)}, _words),
    "two_inputs": (_two_inputs, {"zebra": (6,), "ant": (6,)}, None),
    "nested_cnn": (_nested_cnn, {"a": (16,), "b": (16,)}, None),
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest, make_plan: Any, make_mini_batches: Any) -> Any:
    """(plan, weights, frozen, mini-batches) of one kind of network."""
    make_model, shapes, draw = CASES[request.param]
    keras.utils.set_random_seed(3)
    model, loss, metrics, label = make_model()
    plan = make_plan(model, loss, [getattr(keras.metrics, name)() for name in metrics])
    shapes = {name or plan.inputs[0].name: shape for name, shape in shapes.items()}
    bound = bind(model, plan.variables)
    return plan, read_weights(bound), read_frozen(bound), make_mini_batches(shapes, label, draw=draw)


def _compute(engine: Engine, case: Any, chunks: Any) -> UnitSums:
    _, weights, frozen, mini_batches = case
    engine.begin(weights, frozen, 2)
    start = 0
    for count in chunks:
        engine.add(mini_batches[start : start + count])
        start += count
    return engine.sums()


def _plain_loop(plan: ProjectPlan, weights: Weights, frozen: Any, mini_batches: list[MiniBatch]) -> Any:
    """DESIGN's sums by a Python loop over GradientTape; shares only the seeds with the code under test."""
    model = keras.saving.deserialize_keras_object(plan.architecture)
    model.compile(loss=keras.losses.deserialize(plan.loss), optimizer=None)
    metrics = [keras.metrics.deserialize(metric) for metric in plan.metrics]
    trainable = model.trainable_variables
    moving = [v for v in model.weights if v.path.endswith(("moving_mean", "moving_variance"))]
    _spread(weights.trainable, trainable)
    _spread(weights.moving, moving)
    changing = {id(v) for v in (*trainable, *moving)}
    _spread(frozen, [v for v in model.weights if id(v) not in changing])
    generators = []
    for layer in model._flatten_layers():
        generators += [g for g in layer._seed_generators if not any(g is other for other in generators)]
    gradients = [tf.zeros(v.shape) for v in trainable]
    moves = [tf.zeros(v.shape) for v in moving]
    loss_sum = 0.0

    @tf.function(autograph=False)
    def one(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            y_pred = model(x, training=True)
            loss = model.compute_loss(x, y, y_pred, None, training=True)
        for metric in metrics:
            metric.update_state(y, y_pred)
        return loss, [tf.convert_to_tensor(g) for g in tape.gradient(loss, [v.value for v in trainable])]

    for metric in metrics:
        if isinstance(metric, keras.metrics.R2Score):
            metric.update_state(np.zeros((2, 2)), np.zeros((2, 2)))
            metric.reset_state()
    for mini_batch in mini_batches:
        n = float(len(mini_batch.y))
        _spread(weights.moving, moving)
        for position, generator in enumerate(generators):
            generator.state.assign(layer_seed(plan.seed, 2, mini_batch.number, position))
        x = dict(mini_batch.x) if len(mini_batch.x) > 1 else next(iter(mini_batch.x.values()))
        start = [tf.identity(v.value) for v in moving]
        loss, gradient = one(x, mini_batch.y)
        gradients = [total + n * g for total, g in zip(gradients, gradient, strict=True)]
        moves = [total + n * (v.value - s) for total, v, s in zip(moves, moving, start, strict=True)]
        loss_sum += n * float(loss)
    states = [v.numpy() for metric in metrics for v in metric.variables]
    return _flat(gradients), _flat(moves), np.concatenate([[loss_sum], _flat(states)])


def _spread(flat: Any, variables: Any) -> None:
    start = 0
    for variable in variables:
        size = int(np.prod(variable.shape))
        variable.assign(flat[start : start + size].reshape(variable.shape))
        start += size


def test_the_sums_are_those_of_a_plain_loop_of_gradient_tape_to_the_bit(case: Any) -> None:
    plan, weights, frozen, mini_batches = case
    sums = _compute(Engine(plan), case, [len(mini_batches)])
    gradient, moving, values = _plain_loop(plan, weights, frozen, mini_batches)
    np.testing.assert_array_equal(sums.gradient, gradient)
    np.testing.assert_array_equal(sums.moving, moving)
    np.testing.assert_allclose(sums.sums, values, rtol=1e-12)
    assert (sums.mini_batches, sums.examples) == (5, 35)


def test_neither_chunks_nor_earlier_units_change_a_bit_and_a_prefix_is_a_unit_of_its_own(case: Any) -> None:
    plan, weights, frozen, mini_batches = case
    # One engine for all: what one unit leaves behind must not reach the next.
    engine = Engine(plan)
    whole = _compute(engine, case, [5])
    for chunks in ([1, 1, 1, 1, 1], [2, 3]):
        _same(whole, _compute(engine, case, chunks))
    engine.begin(weights, frozen, 2)
    engine.add(mini_batches[:2])
    early = engine.sums()
    engine.add(mini_batches[2:])
    _same(whole, engine.sums())
    _same(early, _compute(engine, (plan, weights, frozen, mini_batches[:2]), [2]))
    assert (early.mini_batches, early.examples) == (2, 16)


def _same(one: UnitSums, other: UnitSums) -> None:
    np.testing.assert_array_equal(one.gradient, other.gradient)
    np.testing.assert_array_equal(one.moving, other.moving)
    np.testing.assert_array_equal(one.sums, other.sums)


@pytest.mark.parametrize("case", ["mlp_integer_labels", "regression", "regularised"], indirect=True)
def test_one_accumulated_step_of_fit_moves_the_weights_by_the_same_gradient(case: Any) -> None:
    plan, weights, frozen, mini_batches = case
    mini_batches = mini_batches[:4]
    sums = _compute(Engine(plan), (plan, weights, frozen, mini_batches), [4])
    model = keras.saving.deserialize_keras_object(plan.architecture)
    for variable in model.trainable_variables:
        variable.constraint = None
    _spread(weights.trainable, model.trainable_variables)
    model.compile(
        optimizer=keras.optimizers.SGD(1.0, gradient_accumulation_steps=4),
        loss=keras.losses.deserialize(plan.loss),
    )
    x = np.concatenate([next(iter(mini_batch.x.values())) for mini_batch in mini_batches])
    y = np.concatenate([mini_batch.y for mini_batch in mini_batches])
    history = model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    stepped = _flat(v.numpy() for v in model.trainable_variables)
    np.testing.assert_allclose(weights.trainable - sums.gradient / 32, stepped, rtol=0, atol=1e-6)
    assert history.history["loss"][0] == pytest.approx(sums.sums[0] / 32, rel=1e-5)


def test_two_epochs_draw_different_dropout(make_plan: Any, make_mini_batches: Any) -> None:
    model, loss, _, label = _dropout()
    plan = make_plan(model, loss)
    bound = bind(model, plan.variables)
    mini_batches = make_mini_batches({plan.inputs[0].name: (6,)}, label)
    engine = Engine(plan)
    gradients = []
    for epoch in (0, 1, 0):
        engine.begin(read_weights(bound), read_frozen(bound), epoch)
        engine.add(mini_batches)
        gradients.append(engine.sums().gradient)
    assert not np.allclose(gradients[0], gradients[1])
    np.testing.assert_array_equal(gradients[0], gradients[2])


_OTHER_PROCESS = """
import hashlib, sys
import numpy as np
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.training.gradients import Engine, MiniBatch
plan = ProjectPlan.decode(open(sys.argv[1], "rb").read())
data = np.load(sys.argv[2])
engine = Engine(plan, threads=2)
engine.begin(Weights(data["trainable"], data["moving"]), np.zeros(0, np.float32), 1)
engine.add([MiniBatch(i, {plan.inputs[0].name: data["x"][i]}, data["y"][i]) for i in range(len(data["x"]))])
print(hashlib.sha256(engine.sums().gradient.tobytes()).hexdigest())
"""


def test_two_processes_draw_the_same_dropout_to_the_bit(make_plan: Any, tmp_path: Any) -> None:
    model, loss, _, _ = _dropout()
    plan = make_plan(model, loss)
    weights = read_weights(bind(model, plan.variables))
    rng = np.random.default_rng(0)
    (tmp_path / "plan").write_bytes(plan.encode())
    np.savez(
        tmp_path / "data.npz",
        trainable=weights.trainable,
        moving=weights.moving,
        x=rng.standard_normal((3, 8, 6)).astype(np.float32),
        y=rng.integers(0, 4, (3, 8)),
    )
    command = [sys.executable, "-c", _OTHER_PROCESS, str(tmp_path / "plan"), str(tmp_path / "data.npz")]
    environment = {"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3"}
    digests = {
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout for _ in range(2)
    }
    assert len(digests) == 1
    assert len(next(iter(digests)).strip()) == 64
