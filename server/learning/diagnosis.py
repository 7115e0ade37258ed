"""Why a trial step failed, in words that belong beside one field of the form."""

import functools
from collections.abc import Callable
from typing import Any

from server.rules.learning_values import InspectRequest
from volunteer.plan.refused import Refused
from volunteer.training.build import first_line
from volunteer.training.gradients import MiniBatch
from volunteer.training.loops import forward
from volunteer.training.objective import loss_object, metric_objects
from volunteer.training.runtime import keras, tf

FAILURES = (ValueError, TypeError, NotImplementedError, tf.errors.OpError)
"""What Keras and TensorFlow raise when shapes, dtypes or labels do not fit."""


def refusal_of(error: BaseException, request: InspectRequest, model: keras.Model, mini_batch: MiniBatch) -> Refused:
    """Goes through the step again, part by part and outside the compiled loop, to find which part fails."""
    shapes = " and ".join(str(values.shape[1:]) for values in mini_batch.x.values())
    y_pred, refusal = _try(
        lambda: forward(model, {name: tf.constant(x) for name, x in mini_batch.x.items()}, training=True),
        f"The model does not take examples of shape {shapes}",
        "data",
    )
    if refusal is not None:
        return refusal
    labels, output = mini_batch.y.shape[1:], tuple(y_pred.shape[1:])
    _, refusal = _try(
        lambda: loss_object(request.loss)(mini_batch.y, y_pred),
        f"Labels of shape {labels} do not fit the loss and a model whose output has shape {output}",
        "labels",
    )
    if refusal is not None:
        return refusal
    for metric in metric_objects(request.metrics):
        _, refusal = _try(
            functools.partial(metric.update_state, mini_batch.y, y_pred),
            f"The metric {metric.name} does not fit labels of shape {labels} and output of shape {output}",
            "metrics",
        )
        if refusal is not None:
            return refusal
    return Refused(f"A training step on the first rows of the data fails: {first_line(error)}", "data")


def _try(part: Callable[[], Any], sentence: str, field: str) -> tuple[Any, Refused | None]:
    try:
        return part(), None
    except FAILURES as error:
        return None, Refused(f"{sentence}: {first_line(error)}", field)
