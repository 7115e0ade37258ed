"""A checkpoint as the files that stock Keras and TensorFlow load: built from the plan, never from an upload."""

import gc
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py  # type: ignore[import-untyped,unused-ignore]
import numpy as np

from server.learning.optimizer import Stepper
from server.rules.results import ExportRequest, ModelKind
from volunteer.plan.project_plan import ProjectPlan, Weights
from volunteer.plan.refused import Refused
from volunteer.protocol.tensors import load
from volunteer.training.build import build_model, first_line, revive
from volunteer.training.objective import loss_object, metric_objects
from volunteer.training.runtime import keras
from volunteer.training.variables import Bound, assign_frozen, assign_weights, bind

_UNREADABLE = "A {} file cannot hold this model: Keras {} itself fails to load it again ({}). Choose another format."
_COMPILED = (ModelKind.keras, ModelKind.h5)
"""With an optimizer the others would only be three times as large."""


def export(request: ExportRequest) -> None:
    """Write `request.out`.

    Raises Refused for a model that this kind cannot hold, ValueError for files that do not belong to the plan, OSError.
    """
    model, out = _model(request), Path(request.out)
    try:
        _write(model, request.kind, out)
        if request.kind in _COMPILED:
            _check(model, out)
    finally:
        gc.collect()


def _model(request: ExportRequest) -> keras.Model:
    """The trained model; in files that keep it, compiled as it was trained, so that who loads it can go on training."""
    plan = ProjectPlan.decode(Path(request.plan).read_bytes())
    bound = bind(build_model(plan.architecture), plan.variables)
    tensors, _ = load(Path(request.weights))
    assign_frozen(bound, load(Path(request.frozen))[0]["frozen"])
    assign_weights(bound, Weights(tensors["trainable"], tensors["moving"]))
    if request.kind in _COMPILED:
        optimizer = _optimizer(plan, bound, request)
        bound.model.compile(optimizer=optimizer, loss=loss_object(plan.loss), metrics=metric_objects(plan.metrics))
    return bound.model


def _optimizer(plan: ProjectPlan, bound: Bound, request: ExportRequest) -> keras.optimizers.Optimizer:
    if request.kind is ModelKind.h5:
        # See _write_h5: nothing of its state can be kept there.
        return revive(plan.optimizer, "keras.optimizers")
    stepper = Stepper(plan.optimizer, bound.model.trainable_variables)
    # A file's optimizer goes by position: where Keras lists the variables otherwise, it starts afresh.
    same = [id(one) for one in bound.model.trainable_variables] == [id(one) for one in bound.trainable]
    stepper.restore(Path(request.optimizer) if request.optimizer and same else None)
    return stepper.optimizer


def _write(model: keras.Model, kind: ModelKind, out: Path) -> None:
    writers: dict[ModelKind, Callable[[keras.Model, Path], None]] = {
        # Keras chooses the format by the name's end; each of these has its own.
        ModelKind.keras: lambda model, path: model.save(path),
        ModelKind.h5: _write_h5,
        ModelKind.weights: lambda model, path: model.save_weights(path),
        ModelKind.savedmodel: _write_saved_model,
    }
    writers[kind](model, out)


def _check(model: keras.Model, out: Path) -> None:
    """Load it as its owner will: Keras 3 cannot load its own .h5 files of attention layers and bare operations."""
    try:
        loaded = keras.models.load_model(out)
        written = [np.array_equal(a, b) for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(_UNREADABLE.format(out.suffix, keras.__version__, first_line(error))) from error
    if not all(written):
        raise Refused(_UNREADABLE.format(out.suffix, keras.__version__, "weights come back changed"))


def _write_h5(model: keras.Model, out: Path) -> None:
    """Without the optimizer's state: Keras 3.15 restores it in a way that no variable fits, and then cannot train."""
    model.save(out)
    with h5py.File(out, "r+") as file:
        file.pop("optimizer_weights", None)


def _write_saved_model(model: keras.Model, out: Path) -> None:
    # Beside the file: should this process be killed, the folder is collected like everything there.
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        model.export(folder, verbose=False)
        # Not compressed: weights are noise, and noise costs time and stays as large.
        with zipfile.ZipFile(out, "w") as archive:
            for path in sorted(Path(folder).rglob("*")):
                archive.write(path, Path("savedmodel") / path.relative_to(folder))
