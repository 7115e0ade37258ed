"""What the intake says of a model file, and how weights of every kind come out of it."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from server.intake.hdf5_attributes import read_names, write_names
from server.intake.intake import ChildIntake
from server.intake.model_reading import read_model
from server.intake.model_writing import write_model
from server.rules.intake_values import IntakeFailed, WriteRequest
from volunteer.plan.project_plan import Role, VariableSpec
from volunteer.plan.refused import Refused
from volunteer.protocol import tensors

KERNEL = "model_weights/dense/sequential/dense/kernel"


def refusal(path: Path, out: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_model(path, out)
    return caught.value.sentence


def test_a_compiled_model_is_described_by_the_child(models: Path, tmp_path: Path) -> None:
    reading = ChildIntake(tmp_path / "children").read_model(models / "k315-cnn.keras", tmp_path / "out")
    assert (reading.kind, reading.keras_version) == ("keras", "3.15.1")
    assert [(one.name, one.shape, one.dtype) for one in reading.inputs] == [("input_layer", (8, 8, 1), "float32")]
    assert reading.output_shape == (10,)
    assert reading.output_activation == "softmax"
    assert reading.cost.parameters == 426
    assert reading.loss is not None
    assert reading.loss["class_name"] == "SparseCategoricalCrossentropy"
    assert reading.optimizer is not None
    assert reading.optimizer["class_name"] == "Adam"
    assert reading.remarks == ()
    assert list((tmp_path / "children").iterdir()) == []


def test_the_magic_bytes_count_and_not_the_name(models: Path, tmp_path: Path) -> None:
    assert read_model(models / "tf212-cnn.keras", tmp_path).kind == "h5"
    shutil.copy(models / "k315-cnn.keras", tmp_path / "model.h5")
    (tmp_path / "out").mkdir()
    assert read_model(tmp_path / "model.h5", tmp_path / "out").kind == "keras"


def test_settings_that_cannot_be_used_are_a_remark_and_the_form_asks(models: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(models / "k315-cnn.h5", tmp_path))
    with h5py.File(path, "r+") as file:
        settings = json.loads(file.attrs["training_config"])
        file.attrs["training_config"] = json.dumps(settings | {"loss": "my_own_loss"})
    reading = read_model(path, tmp_path)
    assert reading.loss is None
    assert "my_own_loss" in reading.remarks[0]
    with h5py.File(path, "r+") as file:
        del file.attrs["training_config"]
    (tmp_path / "again").mkdir()
    assert "without being compiled" in read_model(path, tmp_path / "again").remarks[0]


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", ">f8"])
def test_weights_of_other_widths_and_byte_orders_become_float32(dtype: str, models: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(models / "k315-cnn.h5", tmp_path))
    numbers = np.arange(360).reshape(36, 10) / 8
    with h5py.File(path, "r+") as file:
        del file[KERNEL]
        file.create_dataset(KERNEL, data=numbers.astype(dtype), compression="gzip", shuffle=True, chunks=(7, 10))
    with h5py.File(read_model(path, tmp_path).weights) as clean:
        assert clean[KERNEL].dtype == np.float32
        assert np.array_equal(clean[KERNEL][()], numbers)


def test_archives_of_keras_2_13_are_rewritten_with_todays_names(models: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(models / "tf215-attention.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "w.h5").write_bytes(members["model.weights.h5"])
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        for name, content in (members | {"model.weights.h5": (tmp_path / "w.h5").read_bytes()}).items():
            archive.writestr(name, content)
    with h5py.File(read_model(tmp_path / "old.keras", tmp_path).weights) as clean:
        assert list(clean) == ["layers", "vars"]
        assert "layers/multi_head_attention/query_dense/vars/0" in clean


def _rewrite(change: Callable[[h5py.File], Any]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return apply


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file.attrs.__delitem__("model_config"), "save_weights"),
        (lambda file: file.__delitem__("model_weights"), "model_weights"),
        (lambda file: file.__delitem__(KERNEL), "is missing"),
        (lambda file: file.__delitem__("model_weights/dense"), "layer 'dense' are missing"),
        (lambda file: file.attrs.__setitem__("model_config", "{"), "not valid JSON"),
        (lambda file: file.attrs.__setitem__("model_config", "[]"), "not a JSON object"),
        (lambda file: file.attrs.__setitem__("model_config", '{"a": NaN}'), "NaN"),
        (lambda file: file.attrs.__setitem__("model_config", 3), "not a text"),
        (lambda file: file.attrs.__setitem__("model_config", "{" + " " * 5_000_000 + "}"), "bytes long"),
        (
            lambda file: file["model_weights"].attrs.__setitem__("layer_names", [b"dense", b"dense"]),
            "same name",
        ),
        (lambda file: file.create_group("/".join("a" * 60)), "levels deep"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_the_reason(
    change: Callable[[h5py.File], Any], reason: str, models: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(models / "k315-cnn.h5", tmp_path))
    _rewrite(change)(path)
    assert reason in refusal(path, tmp_path)


def test_names_too_long_for_one_attribute_are_kept_in_several(tmp_path: Path) -> None:
    names = [f"{'layer' * 20}_{number}" for number in range(2000)]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write_names(file, "layer_names", names)
        assert "layer_names0" in file.attrs
        assert read_names(file, "layer_names") == names
        write_names(file, "weight_names", [])
        assert read_names(file, "weight_names") == []
        assert read_names(file, "other") == []


def _request(models: Path, folder: Path, **changes: Any) -> WriteRequest:
    (folder / "w.safetensors").write_bytes(
        tensors.save({"trainable": np.full(370, 2, np.float32), "moving": np.zeros(0, np.float32)})
    )
    settings: dict[str, Any] = {
        "original": str(models / "k315-cnn.h5"),
        "out": str(folder / "out.h5"),
        "variables": (
            VariableSpec("dense/kernel", (36, 10), Role.trainable),
            VariableSpec("dense/bias", (10,), Role.trainable),
        ),
        "sources": (KERNEL, KERNEL.replace("kernel", "bias")),
        "weights": str(folder / "w.safetensors"),
    }
    return WriteRequest(**(settings | changes))


def test_weights_are_replaced_and_the_rest_stays(models: Path, tmp_path: Path) -> None:
    out = write_model(_request(models, tmp_path), tmp_path)
    with h5py.File(models / "k315-cnn.h5") as before, h5py.File(out) as after:
        assert (after[KERNEL][()] == 2).all()
        other = "model_weights/conv2d/sequential/conv2d/kernel"
        assert np.array_equal(after[other][()], before[other][()])
        assert "optimizer_weights" not in after
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.h5", "w.safetensors"]


def test_what_cannot_be_written_leaves_the_old_file_alone_and_says_why_in_the_log(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "out.h5").write_bytes(b"old")
    intake = ChildIntake(tmp_path / "children")
    with pytest.raises(IntakeFailed, match="log says why") as caught:
        intake.write_model(_request(models, tmp_path, sources=("nowhere", "nowhere/else")))
    assert (tmp_path / "out.h5").read_bytes() == b"old"
    assert "nowhere" not in caught.value.sentence, "people are not shown the server's insides"
    assert "Traceback" in caplog.text
    assert "nowhere" in caplog.text
