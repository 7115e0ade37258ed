"""Shards hold every example once, shuffled by seed, in the dtypes that were uploaded, in little memory."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file

from server.intake.cutting import cut
from server.intake.data_checks import check_data
from server.intake.intake import DATA_LIMITS, ChildIntake
from server.rules import forecast
from server.rules.intake_values import Cut, CutRequest, DataRequest, Examples, ShardFile
from server.rules.settings import ProjectSettings
from volunteer.children.child import Child
from volunteer.plan.objectives import LabelRule
from volunteer.plan.order import dataset_order, validation_rows
from volunteer.plan.refused import Refused
from volunteer.plan.shapes import InputSpec

CLASSES = LabelRule(kind="integer", classes=10, shape=())


def checked(folder: Path, data: Any, labels: Any, rule: LabelRule = CLASSES) -> Examples:
    np.save(folder / "x.npy", data)
    np.save(folder / "y.npy", labels)
    spec = InputSpec("x", data.shape[1:], "float32")
    reading = check_data(DataRequest(str(folder / "x.npy"), str(folder / "y.npy"), (spec,), rule, str(folder)))
    assert reading.training is not None, reading.problems
    return reading.training


def read(files: tuple[ShardFile, ...], name: str) -> Any:
    return np.concatenate([load_file(file.path)[name] for file in files])


def request(folder: Path, training: Examples, **more: Any) -> CutRequest:
    settings: dict[str, Any] = {"rule": CLASSES, "seed": 5, "batch_size": 8, "shard_examples": 32}
    return CutRequest(training=training, out=str(folder / "out"), **(settings | more))


def test_every_example_stands_in_exactly_one_shard_in_the_seeded_order(tmp_path: Path) -> None:
    data, labels = np.arange(300, dtype="u2").reshape(100, 3), np.arange(100) % 10
    made = cut(request(tmp_path, checked(tmp_path, data, labels)))
    assert [file.rows for file in made.shards] == [32, 32, 32, 4]
    assert [Path(file.path).name for file in made.shards][:2] == [
        "shard-00000.safetensors",
        "shard-00001.safetensors",
    ]
    assert made.validation == ()
    assert (made.layout.examples, made.layout.shards, made.layout.mini_batches) == (100, 4, 13)
    order = dataset_order(5, 100)
    assert np.array_equal(read(made.shards, "x/x"), data[order])
    assert np.array_equal(read(made.shards, "y"), labels[order])
    assert read(made.shards, "x/x").dtype == np.uint16
    assert all(Path(file.path).stat().st_size == file.bytes for file in made.shards)


def test_the_validation_split_is_stratified_and_kept_apart(tmp_path: Path) -> None:
    data, labels = np.arange(200, dtype="f4")[:, None], np.repeat(np.arange(10), 20)
    made = cut(request(tmp_path, checked(tmp_path, data, labels), validation_fraction=0.25))
    assert np.bincount(read(made.validation, "y")).tolist() == [5] * 10
    both = np.concatenate([read(made.shards, "x/x"), read(made.validation, "x/x")]).ravel()
    assert sorted(both.tolist()) == data.ravel().tolist()
    kept, held_out = validation_rows(5, labels, 200, 0.25)
    assert np.array_equal(read(made.shards, "x/x")[:, 0], data[kept[dataset_order(5, len(kept))], 0])
    assert np.array_equal(read(made.validation, "x/x")[:, 0], data[held_out, 0])


def test_validation_data_of_their_own_are_cut_in_their_order(tmp_path: Path) -> None:
    training = checked(tmp_path, np.zeros((40, 2), "f4"), np.zeros(40, "i4"))
    (tmp_path / "v").mkdir()
    validation = checked(tmp_path / "v", np.arange(80, dtype="f4").reshape(40, 2), np.zeros(40, "i4"))
    made = cut(request(tmp_path, training, validation=validation, validation_fraction=0.5))
    assert [file.rows for file in made.validation] == [32, 8]
    assert read(made.validation, "x/x").ravel().tolist() == list(range(80))
    assert sum(file.rows for file in made.shards) == 40


@pytest.mark.parametrize("labels", [np.arange(40.0) % 10, (np.arange(40.0) % 10)[:, None]])
def test_class_numbers_that_came_as_floats_leave_as_whole_numbers_in_one_dimension(labels: Any, tmp_path: Path) -> None:
    made = cut(request(tmp_path, checked(tmp_path, np.zeros((40, 2), "f4"), labels)))
    assert read(made.shards, "y").dtype == np.int32
    assert read(made.shards, "y").shape == (40,)


def test_classes_too_small_to_be_split_give_rows_whatever_their_class(tmp_path: Path) -> None:
    """100 classes of 5 rows at 0.1: no class has a row to give, but the whole has fifty."""
    data, labels = np.arange(500, dtype="f4")[:, None], np.arange(500) % 100
    rule = LabelRule(kind="integer", classes=100, shape=())
    training = checked(tmp_path, data, labels, rule)
    made = cut(request(tmp_path, training, rule=rule, validation_fraction=0.1))
    assert sum(file.rows for file in made.validation) == 50
    both = np.concatenate([read(made.shards, "x/x"), read(made.validation, "x/x")]).ravel()
    assert sorted(both.tolist()) == data.ravel().tolist()


@pytest.mark.parametrize("rows", [2, 3, 7, 500, 1001])
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("rule", [CLASSES, LabelRule(kind="real", classes=None, shape=())])
def test_what_the_form_foretells_is_what_is_cut(rows: int, fraction: float, rule: LabelRule, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((rows, 2), "f4"))
    np.save(tmp_path / "y.npy", np.arange(rows) % 10)
    spec = InputSpec("x", (2,), "float32")
    wanted = DataRequest(str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), (spec,), rule, str(tmp_path))
    reading = check_data(wanted)
    assert reading.training is not None
    made = cut(request(tmp_path, reading.training, rule=rule, validation_fraction=fraction))
    settings = ProjectSettings(name="x", validation_fraction=fraction)
    assert forecast.split_rows(settings, reading) == (made.layout.examples, sum(file.rows for file in made.validation))
    assert bool(made.validation) == bool(fraction)


def test_a_single_example_cannot_be_split(tmp_path: Path) -> None:
    training = checked(tmp_path, np.zeros((1, 2), "f4"), np.arange(1))
    with pytest.raises(Refused, match="too few") as caught:
        cut(request(tmp_path, training, validation_fraction=0.9))
    assert caught.value.field == "validation_fraction", "as the form calls it"


def test_cutting_a_large_array_takes_little_memory(tmp_path: Path) -> None:
    data = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", "f4", (80_000, 28, 28))
    data[::1000] = 1
    data.flush()
    np.save(tmp_path / "y.npy", np.arange(80_000) % 10)
    spec = InputSpec("x", (28, 28, 1), "float32")
    paths = str(tmp_path / "x.npy"), str(tmp_path / "y.npy")
    reading = ChildIntake(tmp_path / "children").check_data(DataRequest(*paths, (spec,), CLASSES, str(tmp_path)))
    assert reading.training is not None, reading.problems
    wanted = request(tmp_path, reading.training, shard_examples=4096, validation_fraction=0.1)
    with Child("server.intake.child", tmp_path / "cwd", DATA_LIMITS) as child:
        child.send({"command": "cut", "request": msgspec.to_builtins(wanted)})
        answer = child.receive(200)
        status = dict(line.split(":", 1) for line in Path(f"/proc/{child.pid}/status").read_text().splitlines())
    made = msgspec.convert(answer["ok"], Cut)
    assert sum(file.rows for file in (*made.shards, *made.validation)) == 80_000
    # The file's own pages, mapped, are the system's to drop: only what the child holds itself is counted.
    assert int(status["RssAnon"].split()[0]) < 128 * 1024
