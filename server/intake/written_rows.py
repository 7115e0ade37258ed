"""In which shape and dtype checked arrays are written into shards, and a sample for the model's trial."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from server.intake.blocks import Array, write_npy
from server.intake.npy import open_array
from server.rules.intake_values import ArrayFile, Examples
from volunteer.plan.objectives import LabelRule


def shaped(array: ArrayFile) -> Array:
    """The mapped numbers, their rows in the shape that the model takes."""
    return open_array(Path(array.path)).reshape(array.rows, *array.row_shape)


def label_dtype(labels: Array, rule: LabelRule) -> np.dtype[Any]:
    """As uploaded, but class numbers are whole numbers even when they came as floats or booleans."""
    return np.dtype(np.int32) if rule.kind == "integer" and labels.dtype.kind in "fb" else labels.dtype


def with_samples(examples: Examples, rule: LabelRule, rows: int, folder: Path) -> Examples:
    """The same examples, each array with a file of its first `rows` rows, as shards will hold them."""

    def sampled(array: ArrayFile, stem: str, dtype: np.dtype[Any] | None = None) -> ArrayFile:
        numbers = shaped(array)
        path = folder / f"{stem}.npy"
        write_npy(path, numbers[:rows].astype(dtype or numbers.dtype))
        return msgspec.structs.replace(array, sample=str(path))

    inputs = tuple(sampled(array, f"sample-{number}") for number, array in enumerate(examples.inputs))
    labels = sampled(examples.labels, "sample-labels", label_dtype(shaped(examples.labels), rule))
    return Examples(inputs, labels)
