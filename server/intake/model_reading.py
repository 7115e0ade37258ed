"""Read an uploaded model: settings to canonical data, weights to a clean file of our own."""

from pathlib import Path
from typing import Any

import h5py

from server.intake.index_limits import index_limits
from server.intake.model_file import ModelFile, open_model
from server.intake.weights_writing import write_clean
from server.rules.intake_values import ModelReading
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.objectives import compiled_from
from volunteer.plan.refused import Refused


def read_model(path: Path, out: Path) -> ModelReading:
    """Everything that can be said of the file without building the model. Raises Refused."""
    with open_model(path, out) as file:
        architecture = canonicalise(file.settings)
        shape = describe(architecture)
        clean = out / ("clean.weights.h5" if file.kind == "keras" else "clean.h5")
        with h5py.File(clean, "w", libver="latest") as target:
            write_clean(file.weights, file.layout, target)
        loss, metrics, optimizer, remarks = _compiled(file, shape.output_shape)
        return ModelReading(
            kind=file.kind,
            keras_version=file.keras_version,
            weights=str(clean),
            architecture=architecture,
            inputs=shape.inputs,
            output_shape=shape.output_shape,
            output_activation=shape.output_activation,
            cost=shape.cost,
            layers=shape.layers,
            loss=loss,
            metrics=metrics,
            optimizer=optimizer,
            index_limits=index_limits(architecture),
            remarks=remarks,
        )


def _compiled(
    file: ModelFile, output_shape: tuple[int | None, ...]
) -> tuple[dict[str, Any] | None, list[dict[str, Any]] | None, dict[str, Any] | None, tuple[str, ...]]:
    """What the file was compiled with, where it can be used; otherwise a remark says why not."""
    if file.compiled is None:
        return (
            None,
            None,
            None,
            ("The model was saved without being compiled: loss and optimizer are those of the form.",),
        )
    try:
        compiled = compiled_from(file.compiled, output_shape)
    except Refused as error:
        remark = f"What the model was compiled with cannot be used here: {error.sentence}"
        return None, None, None, (remark,)
    return compiled.loss, compiled.metrics, compiled.optimizer, ()
