"""Gigabytes of CSV and Parquet go through the intake's child under its memory limit, and come out right."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.intake.intake import DATA_LIMITS, ChildIntake
from server.rules.intake_values import DataReading, DataRequest
from server.rules.preprocessing import Preparation
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

COLUMNS, BLOCK_ROWS = 20, 20_000
NAMES = [f"c{number}" for number in range(COLUMNS)]
WORDS = np.array(["ash", "beech", "cedar"])


def some_rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    return np.round(rng.standard_normal((BLOCK_ROWS, COLUMNS)), 5), WORDS[rng.integers(0, 3, BLOCK_ROWS)]


def write_csv(path: Path, blocks: int) -> None:
    x, y = some_rows()
    rows = "".join(",".join(f"{v:.5f}" for v in row) + f",{word}\n" for row, word in zip(x, y, strict=True))
    with path.open("w") as file:
        file.write(",".join(NAMES) + ",tree\n")
        for _ in range(blocks):
            file.write(rows)


def write_parquet(path: Path, blocks: int) -> None:
    """One row group for every five blocks, so that a column of one is far larger than a batch."""
    x, y = some_rows()
    table = pa.table({name: x[:, number] for number, name in enumerate(NAMES)} | {"tree": y})
    with pq.ParquetWriter(path, table.schema, compression="none", use_dictionary=["tree"]) as writer:
        for _ in range(blocks // 5):
            writer.write_table(pa.concat_tables([table] * 5), row_group_size=5 * BLOCK_ROWS)


def check(folder: Path) -> DataReading:
    request = DataRequest(
        str(folder / "data"), None, (InputSpec("x", (COLUMNS,), "float32"),), LabelRule("integer", 3, ()),
        str(folder / "out"), preparation=Preparation("tree", scaling="standard"),
    )  # fmt: skip
    return ChildIntake(folder / "children").check_data(request)


def require_right(reading: DataReading, blocks: int) -> None:
    assert reading.problems == ()
    assert reading.training is not None
    x, y = some_rows()
    whole = np.load(reading.training.inputs[0].path, mmap_mode="r")
    assert whole.shape == (blocks * BLOCK_ROWS, COLUMNS)
    expected = (x - x.mean(axis=0)) / x.std(axis=0)
    for block in (0, blocks // 2, blocks - 1):
        assert np.allclose(whole[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS], expected, atol=1e-5)
    labels = np.load(reading.training.labels.path, mmap_mode="r")
    assert np.array_equal(WORDS[labels[-BLOCK_ROWS:]], y)


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_some_megabytes_come_out_right(write: object, tmp_path: Path) -> None:
    write(tmp_path / "data", 5)  # type: ignore[operator]
    require_right(check(tmp_path), 5)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("write", "blocks"), [(write_csv, 300), (write_parquet, 300)])
def test_a_gigabyte_goes_through_the_child_under_its_memory_limit(write: object, blocks: int, tmp_path: Path) -> None:
    assert DATA_LIMITS.data == 2**30
    write(tmp_path / "data", blocks)  # type: ignore[operator]
    assert (tmp_path / "data").stat().st_size > 0.95e9
    require_right(check(tmp_path), blocks)
