"""Models of every sort that people upload, converted: the same outputs in stock Keras, or a refusal that says why."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from server.learning.exporting import export
from server.rules.results import SUFFIXES, ExportRequest, ModelKind
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.objectives import canonical_loss, canonical_optimizer
from volunteer.plan.project_plan import ProjectPlan
from volunteer.plan.refused import Refused
from volunteer.plan.shapes import Cost
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.tensors import save
from volunteer.training.build import build_model
from volunteer.training.runtime import keras, tf
from volunteer.training.variables import bind, describe_variables, read_frozen, read_weights

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]

MODELS = Path(__file__).parents[3] / "fixtures" / "models"
FILES = [*sorted(MODELS.glob("k315-*.keras")), *sorted(MODELS.glob("k21-*.h5"))]
NOT_IN_H5 = ("attention", "raw_op")


def architecture_of(path: Path) -> dict[str, Any]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return canonicalise(json.loads(archive.read("config.json")))
    with h5py.File(path) as file:
        return canonicalise(json.loads(file.attrs["model_config"]))


def project_of(architecture: dict[str, Any], folder: Path) -> Any:
    """Plan and weights on disk, and the model that they are of."""
    model = build_model(architecture)
    plan = ProjectPlan(
        architecture=architecture, loss=canonical_loss("mean_squared_error"), metrics=[],
        optimizer=canonical_optimizer("adam"), seed=0, layout=ShardLayout(8, 4, 4),
        inputs=list(describe(architecture).inputs), variables=list(describe_variables(model)), cost=Cost(1, 1, 1),
    )  # fmt: skip
    bound = bind(model, plan.variables)
    weights = read_weights(bound)
    (folder / "plan").write_bytes(plan.encode())
    (folder / "weights").write_bytes(save({"trainable": weights.trainable, "moving": weights.moving}))
    (folder / "frozen").write_bytes(save({"frozen": read_frozen(bound)}))
    return model


def inputs_of(path: Path, architecture: dict[str, Any]) -> Any:
    stored = np.load(path.with_suffix(".npz"))
    known = sorted(name for name in stored.files if name.startswith("in_"))
    specs = describe(architecture).inputs
    found = {
        spec.name: stored[f"in_{spec.name}" if f"in_{spec.name}" in known else known[place]].astype(spec.dtype)
        for place, spec in enumerate(specs)
    }
    return found if len(found) > 1 else next(iter(found.values()))


def answers(kind: ModelKind, file: Path, x: Any) -> Any:
    if kind is ModelKind.savedmodel:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(file.parent / "saved")
        model = tf.saved_model.load(str(file.parent / "saved" / "savedmodel"))
        return model.serve(list(x.values()) if isinstance(x, dict) else x).numpy()
    return keras.models.load_model(file).predict(x, verbose=0)


@pytest.mark.parametrize("kind", [ModelKind.keras, ModelKind.h5, ModelKind.savedmodel])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_genuine_model_is_converted_or_refused_with_a_reason(path: Path, kind: ModelKind, tmp_path: Path) -> None:
    architecture = architecture_of(path)
    model = project_of(architecture, tmp_path)
    out = tmp_path / f"out{SUFFIXES[kind]}"
    about = {name: str(tmp_path / name) for name in ("plan", "frozen", "weights")}
    request = ExportRequest(**about, optimizer=None, kind=kind, out=str(out))
    if kind is ModelKind.h5 and any(word in path.name for word in NOT_IN_H5):
        with pytest.raises(Refused, match="cannot hold this model"):
            export(request)
        return
    export(request)
    x = inputs_of(path, architecture)
    np.testing.assert_allclose(answers(kind, out, x), model.predict(x, verbose=0), atol=1e-6)
