"""scikit-learn's bundled handwritten digits, and small Keras networks for them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

Arrays = tuple[NDArray[Any], NDArray[Any]]


def digits(held_out: int = 360) -> tuple[Arrays, Arrays]:
    """((x, y), (x, y) held out): images (n, 8, 8, 1) float32 from 0 to 1, labels (n,) int64, shuffled by a seed."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(5).permutation(len(x))
    x = (x[order] / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    y = y[order].astype(np.int64)
    return (x[held_out:], y[held_out:]), (x[:held_out], y[:held_out])


def save(folder: Path, x: NDArray[Any], y: NDArray[Any]) -> dict[str, Path]:
    """The two files that the form wants."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    return {"data": folder / "x.npy", "labels": folder / "y.npy"}


def small_cnn(batch_norm: bool = False, dropout: float = 0.0, rate: float = 0.001, smooth: bool = False) -> Any:
    """A convolutional network for 8 x 8 digits, compiled.

    `smooth`: no rectifiers and no maxima. At their ties a rounding error of 1e-8 may choose the other branch, and
    training makes that 1e-3 within some rounds: two right computations can only be compared closely without them.
    """
    import keras

    keras.utils.set_random_seed(3)
    layers: list[Any] = [keras.Input((8, 8, 1))]
    for filters in (16, 32):
        layers.append(keras.layers.Conv2D(filters, 3, padding="same", use_bias=not batch_norm))
        if batch_norm:
            layers.append(keras.layers.BatchNormalization(momentum=0.9))
        layers.append(keras.layers.Activation("tanh" if smooth else "relu"))
        layers.append(keras.layers.AveragePooling2D(2) if smooth else keras.layers.MaxPooling2D())
    layers.append(keras.layers.Flatten())
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(10, activation="softmax"))
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def slow_network() -> Any:
    """A mini-batch of 32 digits takes a tenth of a second: a unit of them is several chunks."""
    import keras

    layers = [keras.layers.Conv2D(128, 3, padding="same", activation="relu") for _ in range(3)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Flatten(), keras.layers.Dense(10)])
    model.compile(keras.optimizers.SGD(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
