"""Mini-batches cut out of shard files: the rows that the plan says, from files that fit it."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volunteer.plan.order import epoch_order, mini_batch_rows
from volunteer.plan.shards import ShardLayout
from volunteer.protocol.tensors import MalformedTensors, save
from volunteer.training.mapped import map_tensors
from volunteer.training.runtime import keras
from volunteer.training.unit_data import read_mini_batches

LAYOUT = ShardLayout(examples=29, batch_size=4, shard_examples=12)


@pytest.fixture
def plan(make_plan: Any) -> Any:
    model = keras.Sequential([keras.Input((3,), name="pixels"), keras.layers.Dense(1)])
    return make_plan(model, keras.losses.MeanSquaredError(), layout=LAYOUT)


@pytest.fixture
def shards(plan: Any, tmp_path: Path) -> dict[int, Path]:
    """Example e of the dataset has pixels (e, e, e) and label e."""
    paths = {}
    for shard in range(LAYOUT.shards):
        first = shard * LAYOUT.shard_examples
        numbers = np.arange(first, first + LAYOUT.rows(shard), dtype=np.uint8)
        paths[shard] = tmp_path / f"shard-{shard}"
        x = np.repeat(numbers[:, None], 3, axis=1)
        paths[shard].write_bytes(save({f"x/{plan.inputs[0].name}": x, "y": numbers}))
    return paths


def test_an_epoch_sees_every_example_once_in_its_source_dtype(plan: Any, shards: dict[int, Path]) -> None:
    numbers = epoch_order(plan.seed, 3, LAYOUT.mini_batches)
    batches = list(read_mini_batches(plan, 3, numbers.tolist(), shards))
    assert [batch.number for batch in batches] == numbers.tolist()
    assert sorted(np.concatenate([batch.y for batch in batches]).tolist()) == list(range(29))
    assert sorted(batch.examples for batch in batches) == [1, 4, 4, 4, 4, 4, 4, 4]
    for batch in batches:
        (x,) = batch.x.values()
        assert x.dtype == np.uint8
        np.testing.assert_array_equal(x[:, 0], batch.y)


def test_the_rows_are_those_of_the_plan_in_their_order(plan: Any, shards: dict[int, Path]) -> None:
    (batch,) = read_mini_batches(plan, 1, [4], shards)
    slot = LAYOUT.locate(4)
    rows = mini_batch_rows(plan.seed, 1, LAYOUT, 4) + slot.shard * LAYOUT.shard_examples
    np.testing.assert_array_equal(batch.y, rows)


def test_only_the_shards_that_are_needed_are_opened(plan: Any, shards: dict[int, Path]) -> None:
    shards[0].unlink()
    assert len(list(read_mini_batches(plan, 0, [3, 5], shards))) == 2
    with pytest.raises(FileNotFoundError):
        list(read_mini_batches(plan, 0, [0], shards))


def test_a_shard_with_too_few_rows_is_refused(plan: Any, shards: dict[int, Path]) -> None:
    shards[0] = shards[2]
    with pytest.raises(MalformedTensors, match="does not hold 12 examples"):
        list(read_mini_batches(plan, 0, [0], shards))


def test_mapped_tensors_are_those_that_were_saved(tmp_path: Path) -> None:
    tensors = {
        "a": np.arange(6, dtype=np.float64).reshape(2, 3),
        "b": np.array([True, False]),
        "c": np.zeros((0, 4), np.float32),
        "d": np.array(5, np.int64),
        "e": np.arange(3, dtype=np.uint16),
    }
    (tmp_path / "file").write_bytes(save(tensors, {"some": "thing"}))
    found = map_tensors(tmp_path / "file")
    assert set(found) == set(tensors)
    for name, values in tensors.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 2**40) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"{x",
        struct.pack("<Q", 9) + b'{"a": {}}',
        struct.pack("<Q", 55) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}' + b"0000",
        struct.pack("<Q", 54) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}' + b"00000000",
        struct.pack("<Q", 55) + b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[4,0]}}' + b"00000000",
        struct.pack("<Q", 54) + b'{"a":{"dtype":"X99","shape":[1],"data_offsets":[0,4]}}' + b"0000",
    ],
)
def test_files_that_are_no_tensors_are_refused(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(MalformedTensors):
        map_tensors(tmp_path / "file")
