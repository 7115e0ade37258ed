"""The two compiled loops: over the mini-batches of a unit, and over those of a validation shard.

AutoGraph stays off (it needs source files, which a packaged program has not) and so does XLA (several times
slower on convolutions).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from volunteer.training.build import input_names
from volunteer.training.objective import weights_of_examples
from volunteer.training.runtime import keras, tf
from volunteer.training.variables import Bound

Accumulators = tuple[list[Any], list[Any], Any]
"""Sums so far: n_i g_i per trainable variable; n_i (s_i - s) per moving variable.

N_i loss_i as a float64 scalar.
"""


@dataclass(frozen=True)
class Parts:
    """What both loops need. `seeds` are the state variables of the model's seed generators.

    `class_weights`: a table of `weights_of_classes`; they count in training and not in evaluation, as in Keras.
    """

    bound: Bound
    seeds: list[Any]
    metrics: Sequence[keras.metrics.Metric]
    class_weights: Any = None


def forward(model: keras.Model, inputs: dict[str, Any], training: bool) -> Any:
    """The model's one output for inputs by input layer name; a mask, if any, stays attached to it."""
    names = list(inputs) if len(inputs) == 1 else input_names(model)
    ordered = [inputs[name] for name in names]
    structure = getattr(model, "_inputs_struct", None)
    packed = ordered[0] if structure is None else keras.tree.pack_sequence_as(structure, ordered)
    return keras.tree.flatten(model(packed, training=training))[0]


def stacked_specs(x: Mapping[str, NDArray[Any]], y: NDArray[Any]) -> tuple[dict[str, Any], Any]:
    """What a loop takes, from one mini-batch.

    The same arrays with a free first dimension, so one trace serves all.
    """
    specs = {name: tf.TensorSpec([None, *values.shape], values.dtype) for name, values in x.items()}
    return specs, tf.TensorSpec([None, *y.shape], y.dtype)


def make_gradient_loop(parts: Parts, x_spec: dict[str, Any], y_spec: Any) -> Callable[..., Accumulators]:
    """A function (x, y, seed values, state s, accumulators) -> accumulators, for mini-batches of one size.

    x: by input name (c, examples, ...); y: (c, examples, ...); seed values: (c, generators, 2) int64; the
    loop goes over c, one mini-batch at a time and in order, each from state s, so that cutting a unit into
    calls changes no bit.
    """
    model, trainable, moving = parts.bound.model, parts.bound.trainable, parts.bound.moving
    examples, table = float(y_spec.shape[1]), parts.class_weights
    state_spec = [tf.TensorSpec(variable.shape, tf.float32) for variable in moving]
    sums_spec = (
        [tf.TensorSpec(variable.shape, tf.float32) for variable in trainable],
        state_spec,
        tf.TensorSpec([], tf.float64),
    )
    seeds_spec = tf.TensorSpec([None, len(parts.seeds), 2], tf.int64)

    def add_one(x: dict[str, Any], y: Any, seeds: Any, state: list[Any], sums: Accumulators) -> Accumulators:
        for variable, start in zip(moving, state, strict=True):
            variable.assign(start)
        for position, variable in enumerate(parts.seeds):
            variable.assign(seeds[position])
        weights = None if table is None else weights_of_examples(y, table)
        with tf.GradientTape() as tape:
            y_pred = forward(model, x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=True)
        gradients = tape.gradient(
            loss,
            [variable.value for variable in trainable],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        for metric in parts.metrics:
            metric.update_state(y, y_pred)
        added = [total + examples * tf.convert_to_tensor(g) for total, g in zip(sums[0], gradients, strict=True)]
        moved = [
            total + examples * (variable.value - start)
            for total, variable, start in zip(sums[1], moving, state, strict=True)
        ]
        return added, moved, sums[2] + examples * tf.cast(loss, tf.float64)

    def loop(x: dict[str, Any], y: Any, seeds: Any, state: list[Any], sums: Accumulators) -> Accumulators:
        def body(i: Any, so_far: Accumulators) -> tuple[Any, Accumulators]:
            batch = {name: values[i] for name, values in x.items()}
            return i + 1, add_one(batch, y[i], seeds[i], state, so_far)

        count = tf.shape(y)[0]
        _, result = tf.while_loop(lambda i, _: i < count, body, (tf.constant(0), sums), parallel_iterations=1)
        return result  # type: ignore[no-any-return]

    return _traced(loop, [x_spec, y_spec, seeds_spec, state_spec, sums_spec])


def make_evaluation_loop(parts: Parts, x_spec: dict[str, Any], y_spec: Any) -> Callable[..., Any]:
    """A function (x, y, sum) -> sum of n_i loss_i (float64) without training.

    The metrics take in what they see.
    """
    model = parts.bound.model
    examples = float(y_spec.shape[1])

    def loop(x: dict[str, Any], y: Any, total: Any) -> Any:
        def body(i: Any, so_far: Any) -> tuple[Any, Any]:
            batch = {name: values[i] for name, values in x.items()}
            y_pred = forward(model, batch, training=False)
            loss = model.compute_loss(x=batch, y=y[i], y_pred=y_pred, sample_weight=None, training=False)
            for metric in parts.metrics:
                metric.update_state(y[i], y_pred)
            return i + 1, so_far + examples * tf.cast(loss, tf.float64)

        count = tf.shape(y)[0]
        _, result = tf.while_loop(lambda i, _: i < count, body, (tf.constant(0), total), parallel_iterations=1)
        return result

    return _traced(loop, [x_spec, y_spec, tf.TensorSpec([], tf.float64)])


def _traced(loop: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
    function: Any = tf.function(loop, autograph=False, input_signature=signature)
    function.get_concrete_function()
    return function  # type: ignore[no-any-return]
