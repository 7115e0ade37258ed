"""The same examples in every format that is taken make the same shards, number by number."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors.numpy import load_file

from server.intake.intake import ChildIntake
from server.rules.intake_values import CutRequest, DataRequest
from server.rules.preprocessing import Preparation
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

RULE = LabelRule("integer", 3, ())
SPEC = InputSpec("image", (8, 8, 1), "float32")
# In the order of class and name, which is the order in which an archive of images is read.
Y = np.repeat(np.arange(3), 20)
X = np.random.default_rng(2).integers(0, 256, (60, 8, 8, 1), np.uint8)
WORDS = np.array(["ash", "beech", "cedar"])


def as_npy(folder: Path) -> str | None:
    with (folder / "data").open("wb") as file:
        np.save(file, X)
    with (folder / "labels").open("wb") as file:
        np.save(file, WORDS[Y])
    return str(folder / "labels")


def as_npz(folder: Path) -> str | None:
    with (folder / "data").open("wb") as file:
        np.savez_compressed(file, x=X, y=Y * 10)
    return None


def as_csv(folder: Path) -> str | None:
    rows = [",".join(map(str, x.ravel())) + f",{WORDS[y]}" for x, y in zip(X, Y, strict=True)]
    header = ",".join(f"p{number}" for number in range(64)) + ",tree"
    (folder / "data").write_text("\r\n".join([header, *rows]))
    return None


def as_parquet(folder: Path) -> str | None:
    columns = {f"p{number}": X.reshape(60, 64)[:, number] for number in range(64)}
    pq.write_table(pa.table({"tree": WORDS[Y], **columns}), folder / "data", row_group_size=7)
    return None


def as_images(folder: Path) -> str | None:
    with zipfile.ZipFile(folder / "data", "w") as archive:
        for number, (x, y) in enumerate(zip(X, Y, strict=True)):
            buffer = io.BytesIO()
            Image.fromarray(x[..., 0]).save(buffer, "PNG")
            archive.writestr(f"{WORDS[y]}/{number:03}.png", buffer.getvalue())
    return None


@pytest.mark.parametrize("write", [as_npy, as_npz, as_csv, as_parquet, as_images])
def test_the_same_examples_make_the_same_shards(write: Callable[[Path], str | None], tmp_path: Path) -> None:
    labels = write(tmp_path)
    intake = ChildIntake(tmp_path / "children")
    reading = intake.check_data(
        DataRequest(
            str(tmp_path / "data"), labels, (SPEC,), RULE, str(tmp_path / "out"),
            preparation=Preparation("tree", scaling="unit"),
        )
    )  # fmt: skip
    assert reading.problems == ()
    assert reading.training is not None
    assert reading.preprocessing["scaling"]["inputs"]["image"] == {"subtract": 0.0, "divide_by": 255.0}
    assert [str(name) for name in reading.preprocessing["labels"]["classes"]] in (
        WORDS.tolist(), ["0", "10", "20"]
    )  # fmt: skip
    cut = intake.cut(CutRequest(reading.training, RULE, 3, 8, 16, str(tmp_path / "cut"), None, 0.2))
    shards: list[dict[str, Any]] = [load_file(file.path) for file in (*cut.shards, *cut.validation)]
    x = np.concatenate([shard["x/image"] for shard in shards])
    y = np.concatenate([shard["y"] for shard in shards])
    assert (x.dtype, x.shape) == (np.float32, X.shape)
    # Each example is found again, with its own label.
    place = {example.tobytes(): number for number, example in enumerate((X / np.float64(255)).astype(np.float32))}
    order = [place[example.tobytes()] for example in x]
    assert sorted(order) == list(range(60))
    assert np.array_equal(y, Y[order])
    assert np.bincount(np.concatenate([load_file(file.path)["y"] for file in cut.validation])).tolist() == [4, 4, 4]
