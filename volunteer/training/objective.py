"""Loss and metric objects of Keras from their canonical descriptions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volunteer.plan.refused import Refused
from volunteer.training.build import first_line, revive
from volunteer.training.runtime import keras, tf


def loss_object(canonical: dict[str, Any]) -> keras.losses.Loss:
    """Raises Refused (field "loss") for one that Keras does not take."""
    try:
        return revive(canonical, "keras.losses")
    except (ValueError, TypeError) as error:
        raise Refused(f"Keras does not accept this loss: {first_line(error)}", "loss") from error


def metric_objects(canonical: Sequence[dict[str, Any]]) -> list[keras.metrics.Metric]:
    """Raises Refused (field "metrics") for one that Keras does not take."""
    try:
        return [revive(metric, "keras.metrics") for metric in canonical]
    except (ValueError, TypeError) as error:
        raise Refused(f"Keras does not accept this metric: {first_line(error)}", "metrics") from error


def compile_loss(model: keras.Model, loss: dict[str, Any]) -> None:
    """After this `model.compute_loss` gives what `fit` would minimise, regularisation and masks included."""
    model.compile(optimizer=None, loss=loss_object(loss), jit_compile=False)


def weights_of_classes(class_weights: Sequence[float]) -> Any:
    """A table for `weights_of_examples`: (classes,) float32; None where all classes weigh the same."""
    return tf.constant(class_weights, tf.float32) if class_weights else None


def weights_of_examples(y: Any, table: Any) -> Any:
    """The weight of each example, (n,) float32, by its class, as Keras's `fit(class_weight=...)` finds it.

    y: (n,) or (n, 1) class numbers, rounded; or (n, classes) with the largest share at the class.
    """
    y = tf.cast(y, tf.float32)
    one_hot = len(y.shape) == 2 and y.shape[1] != 1
    classes = tf.argmax(y, axis=-1) if one_hot else tf.cast(tf.round(tf.reshape(y, [-1])), tf.int64)
    return tf.gather(table, classes)


def prime_metrics(metrics: Sequence[keras.metrics.Metric], model: keras.Model) -> None:
    """Let those metrics that make their variables at the first mini-batch make them now.

    In a graph it is too late.
    """
    shape = [size or 1 for size in keras.tree.flatten(model.outputs)[0].shape]
    for metric in metrics:
        if not getattr(metric, "_built", True):
            metric.update_state(tf.zeros(shape), tf.zeros(shape))
            metric.reset_state()


def read_states(metrics: Sequence[keras.metrics.Metric]) -> NDArray[np.float64]:
    """All state variables of the metrics in one float64 vector, metric after metric."""
    parts = [np.asarray(variable.numpy(), np.float64).ravel() for metric in metrics for variable in metric.variables]
    return np.concatenate(parts) if parts else np.zeros(0, np.float64)


def results_of(metrics: Sequence[keras.metrics.Metric], states: NDArray[np.float64]) -> dict[str, float]:
    """What primed metrics say of summed states, by the metric's name.

    Raises ValueError when the lengths differ.
    """
    variables = [variable for metric in metrics for variable in metric.variables]
    sizes = [int(np.prod(variable.shape)) for variable in variables]
    if states.shape != (sum(sizes),):
        raise ValueError(f"{states.size} metric sums where {sum(sizes)} were expected")
    start = 0
    for variable, size in zip(variables, sizes, strict=True):
        part = states[start : start + size].reshape(variable.shape)
        variable.assign(tf.cast(part, variable.dtype))
        start += size
    # A metric may answer with one number a class (F1Score); a chart wants one line.
    return {metric.name: float(np.mean(keras.ops.convert_to_numpy(metric.result()))) for metric in metrics}
