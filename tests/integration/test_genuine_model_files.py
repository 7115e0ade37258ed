"""Files that Keras 2.1 to 3.15 wrote are read, computed with, and written back with other weights."""

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from server.intake.intake import ChildIntake
from server.learning.weights_file import load_weights
from server.rules.intake_values import ModelReading, WriteRequest
from volunteer.plan.project_plan import Role, VariableSpec, Weights
from volunteer.protocol import tensors
from volunteer.training import variables
from volunteer.training.build import build_model

MODELS = Path(__file__).parents[1] / "fixtures" / "models"
FILES = sorted(path.name for path in MODELS.iterdir() if path.suffix in (".h5", ".keras"))
TOLERANCE = 2e-6
# Written by Keras 3.15 and yet beyond it: operations on tensors are looked for among the layers.
UNREADABLE = ("k315-attention.h5", "k315-raw_op.h5")


class Opened:
    """A genuine file, read by the intake and built."""

    def __init__(self, path: Path, folder: Path) -> None:
        folder.mkdir()
        self.reading: ModelReading = ChildIntake(folder / "children").read_model(path, folder)
        self.model = build_model(self.reading.architecture)
        kind: Any = self.reading.kind
        self.sources = load_weights(self.model, Path(self.reading.weights), kind, folder)
        self.specs: tuple[VariableSpec, ...] = variables.describe_variables(self.model)


def batch_of(name: str) -> tuple[Any, Any]:
    """(what goes into the model, what came out of it when the file was written)."""
    with np.load((MODELS / name).with_suffix(".npz")) as arrays:
        inputs = {key[3:]: arrays[key] for key in arrays.files if key.startswith("in_")}
        return (inputs if len(inputs) > 1 else next(iter(inputs.values()))), arrays["output"]


# What Keras warns of when it loads files of other versions is not ours to mend.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_a_genuine_file_computes_what_it_did_and_comes_back_with_other_weights(
    name: str, tmp_path: Path
) -> None:
    opened = Opened(MODELS / name, tmp_path / "read")
    inputs, output = batch_of(name)
    assert np.allclose(np.asarray(opened.model(inputs, training=False)), output, atol=TOLERANCE)
    assert opened.reading.loss is not None
    assert opened.reading.optimizer is not None

    bound = variables.bind(opened.model, opened.specs)
    weights, frozen = variables.read_weights(bound), variables.read_frozen(bound)
    changed = Weights(weights.trainable * 0.9 + 0.01, weights.moving * 1.1)
    written = _write(opened, changed, frozen, MODELS / name, tmp_path)
    variables.assign_weights(bound, changed)
    wanted = np.asarray(opened.model(inputs, training=False))

    again = Opened(written, tmp_path / "again")
    assert again.reading.architecture == opened.reading.architecture
    assert again.reading.optimizer == opened.reading.optimizer
    assert np.array_equal(np.asarray(again.model(inputs, training=False)), wanted)
    _require_stock_keras_reads_it_too(MODELS / name, written, inputs, wanted)


def _write(opened: Opened, weights: Weights, frozen: Any, original: Path, folder: Path) -> Path:
    vectors = {Role.trainable.value: weights.trainable, Role.moving.value: weights.moving}
    (folder / "weights.safetensors").write_bytes(tensors.save(vectors))
    (folder / "frozen.safetensors").write_bytes(tensors.save({Role.frozen.value: frozen}))
    request = WriteRequest(
        original=str(original),
        out=str(folder / ("trained.keras" if opened.reading.kind == "keras" else "trained.h5")),
        variables=opened.specs,
        sources=tuple(opened.sources),
        weights=str(folder / "weights.safetensors"),
        frozen=str(folder / "frozen.safetensors"),
    )
    return ChildIntake(folder / "children").write_model(request)


def _require_stock_keras_reads_it_too(original: Path, written: Path, inputs: Any, wanted: Any) -> None:
    """Where Keras itself can load the original, it loads the rewritten file too and computes the same."""
    named = written.parent / f"original{written.suffix}"
    named.write_bytes(original.read_bytes())
    if original.name.startswith("k315"):
        assert _stock_keras_loads(named, compiled=False) or original.name in UNREADABLE
    if _stock_keras_loads(named, compiled=False):
        model = keras.models.load_model(written, compile=False)
        assert np.allclose(np.asarray(model(inputs, training=False)), wanted, atol=TOLERANCE)
    if _stock_keras_loads(named, compiled=True):
        keras.models.load_model(written)


def _stock_keras_loads(path: Path, *, compiled: bool) -> bool:
    """Whether today's Keras reads the file at all; what it raises when not is of many kinds."""
    try:
        keras.models.load_model(path, compile=compiled)
    except Exception as error:
        print(f"{path.name}: {type(error).__name__}: {str(error)[:200]}")
        return False
    return True


def test_stale_optimizer_state_is_left_out_and_settings_stay(tmp_path: Path) -> None:
    opened = Opened(MODELS / "k315-cnn.h5", tmp_path / "read")
    bound = variables.bind(opened.model, opened.specs)
    weights, frozen = variables.read_weights(bound), variables.read_frozen(bound)
    written = _write(opened, weights, frozen, MODELS / "k315-cnn.h5", tmp_path)
    with h5py.File(MODELS / "k315-cnn.h5") as before, h5py.File(written) as after:
        assert "optimizer_weights" in before
        assert list(after) == ["model_weights"]
        for name in ("model_config", "training_config", "keras_version", "backend"):
            assert after.attrs[name] == before.attrs[name]
