"""A training replayed: a plain loop of tf.GradientTape, Keras's optimizer, DESIGN's rule for BatchNorm.

Deliberately slow and obvious, and without the code under test: which rows make up a mini-batch is told by the
caller.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Round:
    """What a closed round used: the mini-batch numbers of each unit that counted."""

    epoch: int
    units: Sequence[Sequence[int]]


def replay(
    model: Any,
    loss: Any,
    optimizer: Any,
    x: Any,
    y: Any,
    rounds: Iterable[Round],
    rows_of: Callable[[int, int], Any],
    after_round: Callable[[int, Any], None] | None = None,
) -> list[Any]:
    """Train `model` in place through the recorded rounds; returns `model.get_weights()`.

    model: with the project's initial weights, without dropout; loss: a Keras loss object; optimizer: a fresh
    Keras optimizer; x: an array, or a dict of arrays by input name; y: labels; rows_of(epoch, mini_batch):
    the rows of x and y that make up a mini-batch, in order; after_round(number, model): called after each
    round.
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    statistics = [(layer, v) for layer in norms for v in (layer.moving_mean, layer.moving_variance)]
    for number, used in enumerate(rounds):
        start = [v.numpy().astype(np.float64) for _, v in statistics]
        gradient = [np.zeros(v.shape, np.float64) for v in model.trainable_variables]
        change = [np.zeros(v.shape, np.float64) for _, v in statistics]
        examples = count = 0
        for mini_batch in (one for unit in used.units for one in unit):
            _put(statistics, start)
            rows = np.asarray(rows_of(used.epoch, mini_batch))
            for total, g in zip(gradient, _gradient(model, loss, x, y, rows), strict=True):
                total += len(rows) * np.asarray(g, np.float64)
            for total, (_, v), s in zip(change, statistics, start, strict=True):
                total += len(rows) * (v.numpy().astype(np.float64) - s)
            examples, count = examples + len(rows), count + 1
        optimizer.apply([tf.constant(g / examples, tf.float32) for g in gradient], model.trainable_variables)
        moved = []
        for (layer, _), s, total in zip(statistics, start, change, strict=True):
            m = layer.momentum
            moved.append(s + (1 - m**count) / (1 - m) * total / examples)
        _put(statistics, moved)
        if after_round is not None:
            after_round(number, model)
    return list(model.get_weights())


def _put(statistics: Sequence[tuple[Any, Any]], values: Sequence[Any]) -> None:
    for (_, variable), value in zip(statistics, values, strict=True):
        variable.assign(value.astype(np.float32))


def _gradient(model: Any, loss: Any, x: Any, y: Any, rows: Any) -> list[Any]:
    inputs = {name: values[rows] for name, values in x.items()} if isinstance(x, dict) else x[rows]
    with tf.GradientTape() as tape:
        value = loss(y[rows], model(inputs, training=True))
        for regularisation in model.losses:
            value += regularisation
    return [tf.convert_to_tensor(g) for g in tape.gradient(value, [v.value for v in model.trainable_variables])]


def relative_error(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """The Euclidean norm of all differences over that of what was expected."""
    difference = sum(float(np.sum((np.float64(a) - np.float64(b)) ** 2)) for a, b in zip(found, expected, strict=True))
    size = sum(float(np.sum(np.float64(b) ** 2)) for b in expected)
    return float(np.sqrt(difference / size))
