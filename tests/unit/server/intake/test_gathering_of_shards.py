"""What was cut into shards comes back as files, row for row."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.intake import gathering
from server.intake.gathering import gather
from server.intake.intake import ChildIntake
from server.rules.intake_values import GatherRequest
from volunteer.protocol.tensors import save

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32"]


def shards(folder: Path, stem: str, arrays: dict[str, Any], sizes: list[int]) -> tuple[str, ...]:
    paths, start = [], 0
    for number, size in enumerate(sizes):
        path = folder / f"{stem}-{number}"
        path.write_bytes(save({name: rows[start : start + size] for name, rows in arrays.items()}))
        start += size
        paths.append(str(path))
    return tuple(paths)


@pytest.mark.parametrize("dtype", [*DTYPES, "float64"])
def test_one_input_becomes_a_npy_in_the_order_and_dtype_of_the_shards(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "BLOCK_BYTES", 40)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (11, 3, 2)).astype(dtype), rng.integers(0, 9, 11).astype(np.int32)
    found = gather(GatherRequest(shards(tmp_path, "s", {"x/i": x, "y": y}, [4, 4, 3]), (), str(tmp_path / "out")))
    assert set(found.files) == {"data", "labels"}
    back = np.load(found.files["data"], allow_pickle=False)
    assert back.dtype == x.dtype
    np.testing.assert_array_equal(back, x)
    np.testing.assert_array_equal(np.load(found.files["labels"]), y)


def test_several_inputs_become_a_npz_and_validation_has_files_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"x/a": rng.random((5, 2)), "x/b/c": rng.random((5, 1)).astype(np.float32), "y": rng.random((5, 1))}
    held = {name: rows[:2] + 1 for name, rows in arrays.items()}
    request = GatherRequest(
        shards(tmp_path, "t", arrays, [3, 2]), shards(tmp_path, "v", held, [2]), str(tmp_path / "out")
    )
    found = ChildIntake(tmp_path / "children").gather(request)
    with np.load(found.files["data"], allow_pickle=False) as archive:
        assert set(archive) == {"a", "b/c"}
        np.testing.assert_array_equal(archive["b/c"], arrays["x/b/c"])
    assert zipfile.ZipFile(found.files["data"]).testzip() is None
    with np.load(found.files["validation_data"], allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["a"], held["x/a"])
    np.testing.assert_array_equal(np.load(found.files["validation_labels"]), held["y"])
