"""Which dataset of a clean weights file feeds which variable.

Found by asking Keras, not by copying its rules.
"""

import shutil
import warnings
from pathlib import Path
from typing import Any, Literal

import h5py  # type: ignore[import-untyped,unused-ignore]
import numpy as np
from numpy.typing import NDArray

from volunteer.plan.refused import Refused
from volunteer.training.runtime import keras

# Keras chooses the layout by the file's name: only Keras 3's own ends in .weights.h5.
_NAMES = {"h5": "probe.h5", "keras": "probe.weights.h5"}


def load_weights(model: keras.Model, file: Path, kind: Literal["h5", "keras"], folder: Path) -> list[str]:
    """Fill the model from a clean file; returns for each of `model.weights` the path of its dataset.

    A copy whose i-th dataset is filled with i is loaded by Keras; what arrives in a variable says where it
    came from. The real values are then read from those datasets. Raises Refused when the weights do not fit
    the architecture.
    """
    probe = folder / _NAMES[kind]
    shutil.copyfile(file, probe)
    try:
        paths = _number_datasets(probe)
        try:
            with warnings.catch_warnings():
                # Keras warns of layers it found nothing for; here each variable is checked below.
                warnings.simplefilter("ignore")
                model.load_weights(probe)
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise Refused(f"The weights in the file do not fit its architecture: {_reason(error)}") from error
    finally:
        probe.unlink()
    sources = [_source(variable, paths) for variable in model.weights]
    with h5py.File(file, "r") as stored:
        for variable, source in zip(model.weights, sources, strict=True):
            variable.assign(_finite(np.asarray(stored[source], np.float32), variable.path))
    return sources


def _number_datasets(probe: Path) -> list[str]:
    paths: list[str] = []

    def note(name: str, thing: Any) -> None:
        if isinstance(thing, h5py.Dataset):
            paths.append(name)

    with h5py.File(probe, "r+") as file:
        file.visititems(note)
        for number, path in enumerate(paths, start=1):
            file[path][...] = number
    return paths


def _source(variable: Any, paths: list[str]) -> str:
    values = np.asarray(variable.numpy())
    number = int(values.flat[0]) if values.size else 0
    if not 1 <= number <= len(paths) or not (values == number).all():
        raise Refused(f"The file holds no weights for {variable.path}.")
    return paths[number - 1]


def _finite(values: NDArray[Any], path: str) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise Refused(f"The weights of {path} in the file are not all finite numbers; the model has diverged before.")
    return values


def _reason(error: BaseException) -> str:
    """Keras buries the sentence that names the layer below a count of failures."""
    text = str(error)
    if "Example error message" in text:
        text = text.split("\n\n", 1)[-1]
    line = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return line[:300]
