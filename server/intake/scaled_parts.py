"""The scaling that the form asks for, applied to both parts; a remark offers it where it was not asked for."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from server.intake.findings import WORDS, Findings
from server.intake.number_checks import extent
from server.intake.scaling import Scale, looks_like_bytes, measured
from server.intake.written_rows import shaped
from server.rules.intake_values import DataRequest, Examples

Parts = tuple[Examples, Examples | None]


def scaled_parts(
    request: DataRequest, training: Examples, validation: Examples | None, findings: Findings
) -> tuple[Parts, dict[str, Any]]:
    """Both parts as they shall be written, and for each scaled input the numbers that were applied."""
    kind = request.preparation.scaling
    if kind == "none":
        if not request.rescales:
            _offer(request, training, findings)
        return (training, validation), {}
    folder = Path(request.folder)
    scales: dict[str, Scale] = {}
    for array in training.inputs:
        if _takes_indices(request, array.name):
            findings.remark("scaling", f"the input '{array.name}' takes whole numbers and is not scaled")
        else:
            scales[array.name] = measured(array, kind)
    scaled = _applied(training, scales, folder, "data")
    held_out = None if validation is None else _applied(validation, scales, folder, "validation_data")
    return (scaled, held_out), {name: scale.recorded() for name, scale in scales.items()}


def _applied(examples: Examples, scales: dict[str, Scale], folder: Path, stem: str) -> Examples:
    inputs = []
    for number, array in enumerate(examples.inputs):
        if array.name not in scales:
            inputs.append(array)
            continue
        inputs.append(scales[array.name].applied(array, folder / f"{stem}-scaled-{number}.npy"))
        if Path(array.path).parent == folder:
            # Unpacked or converted a moment ago, for nothing but this.
            Path(array.path).unlink()
    return msgspec.structs.replace(examples, inputs=tuple(inputs))


def _offer(request: DataRequest, training: Examples, findings: Findings) -> None:
    for array in training.inputs:
        if _takes_indices(request, array.name):
            continue
        low, high = extent(shaped(array))
        if looks_like_bytes(array, low, high):
            findings.remark(
                "scaling",
                f"{WORDS['data']} go from {low:g} to {high:g}, and networks learn better from numbers around 0 to 1: "
                "the scaling “0 to 1” is offered, or a Rescaling layer at the model's beginning does it",
            )


def _takes_indices(request: DataRequest, name: str) -> bool:
    """Whether the numbers are places in an Embedding, or the input is one of whole numbers."""
    dtype = next(spec.dtype for spec in request.inputs if spec.name == name)
    return name in request.index_limits or (dtype != "bfloat16" and np.dtype(dtype).kind in "iub")
