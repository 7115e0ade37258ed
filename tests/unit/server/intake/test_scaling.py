"""Numbers brought to a common scale: by what was measured on the training data, in both parts, and recorded."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from server.intake.data_checks import check_data
from server.intake.intake import ChildIntake
from server.intake.space import NoRoom
from server.rules.intake_values import DataReading, DataRequest, IntakeFailed
from server.rules.preprocessing import Preparation
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

CLASSES = LabelRule("integer", 10, ())
RNG = np.random.default_rng(4)


def checked(folder: Path, data: Any, kind: str, validation: Any = None, **more: Any) -> DataReading:
    for name, array in (("x", data), ("v", validation if validation is not None else data)):
        np.save(folder / f"{name}.npy", array)
        np.save(folder / f"{name}-labels.npy", np.arange(len(array)) % 10)
    held_out: dict[str, Any] = {}
    if validation is not None:
        held_out = {"validation_data": str(folder / "v.npy"), "validation_labels": str(folder / "v-labels.npy")}
    spec = more.pop("spec", InputSpec("x", data.shape[1:], "float32"))
    return check_data(
        DataRequest(
            str(folder / "x.npy"), str(folder / "x-labels.npy"), (spec,), CLASSES, str(folder / "out"),
            preparation=Preparation(scaling=kind), **held_out, **more,
        )
    )  # fmt: skip


def scaled(reading: DataReading) -> Any:
    assert reading.training is not None, reading.problems
    return np.load(reading.training.inputs[0].path)


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (RNG.integers(0, 256, (50, 8, 8, 1), np.uint8), 255),
        (RNG.integers(0, 256, (50, 8, 8, 1)).astype("f4"), 255),
        (RNG.integers(0, 60_000, (50, 3), np.uint16), 65535),
    ],
)
def test_pixels_are_divided_by_what_their_type_goes_up_to(tmp_path: Path, data: Any, most: int) -> None:
    reading = checked(tmp_path, data, "unit")
    assert scaled(reading).dtype == np.float32
    assert np.allclose(scaled(reading), data / most)
    assert reading.bytes == data.size * 4 + 50 * 8, "what volunteers will fetch is the scaled numbers"
    assert reading.preprocessing["scaling"]["inputs"]["x"] == {"subtract": 0.0, "divide_by": float(most)}


def test_columns_of_their_own_kinds_go_from_0_to_1_each(tmp_path: Path) -> None:
    data = np.stack([RNG.normal(50, 9, 40), RNG.normal(-3, 0.1, 40), np.full(40, 2.0)], 1)
    x = scaled(checked(tmp_path, data, "unit"))
    assert np.allclose(x.min(axis=0), 0)
    assert np.allclose(x.max(axis=0), [1, 1, 0], atol=1e-6), "a column that never changes becomes 0"


def test_standard_numbers_have_mean_0_and_deviation_1(tmp_path: Path) -> None:
    data = RNG.normal([5, -100, 0.1], [3, 0.5, 0], (400, 3))
    validation = RNG.normal(5, 3, (20, 3))
    reading = checked(tmp_path, data, "standard", validation)
    x = scaled(reading)
    assert np.allclose(x.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(x.std(axis=0)[:2], 1, atol=1e-5)
    assert np.allclose(x[:, 2], 0), "rounding alone is not blown up"
    assert reading.validation is not None
    expected = (validation - data.mean(axis=0)) / np.where(data.std(axis=0) > 1e-9, data.std(axis=0), 1)
    assert np.allclose(np.load(reading.validation.inputs[0].path), expected, atol=1e-5)


def test_images_are_standardised_by_channel(tmp_path: Path) -> None:
    data = RNG.integers(0, 256, (30, 9, 9, 3), np.uint8)
    reading = checked(tmp_path, data, "standard")
    numbers = reading.preprocessing["scaling"]["inputs"]["x"]
    assert np.allclose(numbers["subtract"], data.mean(axis=(0, 1, 2)))
    assert np.allclose(numbers["divide_by"], data.std(axis=(0, 1, 2)))


def test_many_blocks_give_what_one_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = RNG.normal(3, 2, (1000, 7))
    whole = checked(tmp_path, data, "standard").preprocessing["scaling"]["inputs"]["x"]
    monkeypatch.setattr("server.intake.blocks.BLOCK_BYTES", 1000)
    blocks = checked(tmp_path, data, "standard").preprocessing["scaling"]["inputs"]["x"]
    assert np.allclose(whole["subtract"], blocks["subtract"], rtol=1e-12)
    assert np.allclose(whole["divide_by"], blocks["divide_by"], rtol=1e-12)


def test_scaling_is_offered_for_pixels_unless_the_model_does_it(tmp_path: Path) -> None:
    data = RNG.integers(0, 256, (50, 8, 8), np.uint8)
    remarks = checked(tmp_path, data, "none").remarks
    assert [remark.field for remark in remarks] == ["scaling"]
    assert "the scaling “0 to 1” is offered" in remarks[0].sentence
    assert checked(tmp_path, data, "none", rescales=True).remarks == ()
    assert checked(tmp_path, data / np.float32(255), "none").remarks == ()
    assert checked(tmp_path, data, "unit").remarks == ()


def test_places_in_an_embedding_are_never_scaled(tmp_path: Path) -> None:
    data = RNG.integers(0, 200, (50, 80))
    reading = checked(tmp_path, data, "unit", index_limits={"x": 200})
    assert np.array_equal(scaled(reading), data)
    assert reading.preprocessing == {}
    assert "takes whole numbers and is not scaled" in reading.remarks[0].sentence


def test_no_more_is_converted_than_the_account_has_room_for(tmp_path: Path) -> None:
    data = RNG.integers(0, 60_000, (50, 3), np.uint16)
    assert scaled(checked(tmp_path, data, "unit", room=600)).nbytes == 600
    with pytest.raises(NoRoom, match="your account has room for 599"):
        checked(tmp_path, data, "unit", room=599)


def test_an_archive_that_unpacks_to_more_than_the_account_has_room_for_is_refused_beside_the_data(
    tmp_path: Path,
) -> None:
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((50, 3)), y=np.arange(50) % 10)
    intake, paths = ChildIntake(tmp_path / "children"), (str(tmp_path / "x.npz"), None)
    request = DataRequest(*paths, (InputSpec("x", (3,), "float32"),), CLASSES, str(tmp_path / "out"), room=100)
    [problem] = intake.check_data(request).problems
    assert problem.field == "data"
    assert "your account has room for 100" in problem.sentence
    full = ChildIntake(tmp_path / "children", least_free_bytes=2**60)
    with pytest.raises(IntakeFailed):
        full.check_data(msgspec.structs.replace(request, room=None))


def test_what_must_stay_free_on_the_disk_stays_free(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="fill the disk"):
        checked(tmp_path, RNG.integers(0, 60_000, (50, 3), np.uint16), "unit", least_free=2**60)
