"""`Grid.fit`: training on the grid where `model.fit` would stand. Imports no Keras: a model is what has its methods."""

import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from requestor.history import History
from requestor.progress import TrainingBar
from requestor.project import ProjectHandle

if TYPE_CHECKING:
    from requestor.grid import Grid

_MEASURED_TRIES = 40


@dataclass(frozen=True)
class _Watching:
    """What becomes of the training here: `model` gets the weights of `which`; `quiet` shows no bars."""

    model: Any
    which: str
    quiet: bool


def fit(
    grid: "Grid", model: Any, x: Any, y: Any = None, *, validation_data: Any = None, validation_split: float = 0.0,
    class_weight: Mapping[int, float] | None = None, restore_best_weights: bool = False, verbose: Any = "auto",
    consent: bool | None = None, **settings: Any,
) -> History:  # fmt: skip
    """Train on the grid; the History that Keras's fit would give, with the trained weights in `model`.

    `model` is a compiled Keras model or the path of a model file; x, y and the pair `validation_data` are arrays,
    mappings of arrays (several inputs) or paths of any file that the grid takes. `epochs`, `batch_size`, `k` and all
    other settings of the form go by their names. Ctrl-C leaves the project running and says how to come back to it.

    Raises NeedsCorrection, NotFinished, NoConsent, Refused, Unreachable.
    """
    watching = _Watching(model, "best" if restore_best_weights else "latest", verbose in (0, "0"))
    settings = {"epochs": 1, "batch_size": 32, "validation_fraction": validation_split, **settings}
    if class_weight is not None:
        settings["class_weights"] = class_weight
    with tempfile.TemporaryDirectory(prefix="daig-") as name:
        folder = Path(name)
        files = {"model": model_file(model, folder), "data": array_file(x, folder / "data")}
        if y is not None:
            files["labels"] = array_file(y, folder / "labels")
        if validation_data is not None:
            files["validation_data"] = array_file(validation_data[0], folder / "validation-data")
            files["validation_labels"] = array_file(validation_data[1], folder / "validation-labels")
        project = grid.submit(files, consent=consent, quiet=watching.quiet, **settings)
        for path in files.values():
            if path.parent == folder:
                path.unlink()
        return _watched(project, watching, folder, validated=validation_data is not None or validation_split > 0)


def _watched(project: ProjectHandle, watching: _Watching, folder: Path, validated: bool) -> History:
    try:
        with TrainingBar(f"project {project.number}", watching.quiet) as bar:
            project.wait(bar.show)
        history = project.history(watching.model)
        if validated:
            history = _with_last_validation(project, history)
    except KeyboardInterrupt:
        print(
            f"Project {project.number} goes on at {project.page}\n"
            f"Come back by `daig watch {project.number}`, or grid.project({project.number}).wait()."
        )
        raise
    if hasattr(watching.model, "load_weights"):
        _load(watching.model, project.download(folder, which=watching.which))
    return history


def _load(model: Any, path: Path) -> None:
    """Weights alone are read from the file: nothing in it is run.

    Keras warns where the optimizer's state does not fit, as it does not where the model was trained here before.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model.load_weights(path)


def _with_last_validation(project: ProjectHandle, history: History) -> History:
    """The last weights are measured after the training has finished, off its path."""
    for _ in range(_MEASURED_TRIES):
        if not np.isnan(history.history.get("val_loss", [np.nan])[-1]):
            break
        time.sleep(0.5)
        history = project.history(history.model)
    return history


def model_file(model: Any, folder: Path) -> Path:
    """The model's file: saved into that folder by its own method, or what the path names."""
    if not hasattr(model, "save"):
        return Path(model)
    path = folder / f"{_plain(getattr(model, 'name', 'model'))}.keras"
    model.save(path)
    return path


def array_file(values: Any, stem: Path) -> Path:
    """Arrays as .npy, mappings of them as .npz, written without pickle; or what the path names."""
    if isinstance(values, str | Path):
        return Path(values)
    if isinstance(values, Mapping):
        path = stem.with_suffix(".npz")
        np.savez(path, allow_pickle=False, **{str(name): np.asarray(array) for name, array in values.items()})
        return path
    path = stem.with_suffix(".npy")
    np.save(path, np.asarray(values), allow_pickle=False)
    return path


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)[:60] or "model"
