"""Labels as people have them, words or any whole numbers, become what the loss takes; what was done is told."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.intake.data_checks import check_data
from server.rules.intake_values import DataReading, DataRequest
from server.rules.preprocessing import Preparation
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

SPEC = InputSpec("x", (2,), "float32")
TEN = LabelRule("integer", 10, ())
ONE_HOT = LabelRule("one_hot", 3, (3,))
BINARY = LabelRule("binary", None, (1,))
REAL = LabelRule("real", None, (1,))
WORDS = np.array(["dog", "cat", "dog", "eel"])


class Form:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, name: str, array: Any) -> str | None:
        if array is None:
            return None
        path = self.folder / f"{name}.npy"
        with path.open("wb") as file:
            if isinstance(array, dict):
                np.savez(file, **array)
            else:
                np.save(file, array)
        return str(path)

    def check(self, labels: Any, rule: LabelRule = TEN, data: Any = None, **more: Any) -> DataReading:
        asked = {name: more.pop(name) for name in ("label_encoding", "scaling") if name in more}
        saved = {name: self.save(name, array) for name, array in more.items() if name.startswith("validation")}
        rest = {name: value for name, value in more.items() if name not in saved}
        data = np.ones((len(labels), 2), "f4") if data is None else data
        return check_data(
            DataRequest(
                self.save("data", data) or "", self.save("labels", labels), rest.pop("inputs", (SPEC,)), rule,
                str(self.folder / "out"), preparation=Preparation(**asked), **saved, **rest,
            )
        )  # fmt: skip

    def written(self, *arguments: Any, **more: Any) -> list[Any]:
        reading = self.check(*arguments, **more)
        assert reading.training is not None, reading.problems
        return np.load(reading.training.labels.path).tolist()

    def mistake(self, *arguments: Any, **more: Any) -> str:
        reading = self.check(*arguments, **more)
        assert reading.training is None
        (problem,) = reading.problems
        return problem.sentence


@pytest.fixture
def form(tmp_path: Path) -> Form:
    return Form(tmp_path)


@pytest.mark.parametrize("labels", [WORDS, WORDS.astype("S3"), WORDS[:, None], WORDS.astype(">U3")])
def test_words_are_numbered_in_their_order_and_recorded(form: Form, labels: Any) -> None:
    reading = form.check(labels)
    assert reading.training is not None, reading.problems
    assert np.load(reading.training.labels.path).tolist() == [1, 0, 1, 2]
    assert reading.preprocessing["labels"] == {"classes": ["cat", "dog", "eel"]}
    assert "0 to 2 in this order: “cat”, “dog”, “eel”" in reading.remarks[0].sentence
    assert reading.preview["labels"]["head"][0] == ["dog"]
    assert reading.preview["labels"]["classes"] == [
        {"name": name, "count": count} for name, count in (("cat", 1), ("dog", 2), ("eel", 1))
    ]


@pytest.mark.parametrize("dtype", ["i8", "u1", "f4"])
def test_classes_that_count_from_one_are_numbered_from_zero(form: Form, dtype: str) -> None:
    labels = (np.arange(40) % 10 + 1).astype(dtype)
    reading = form.check(labels)
    assert reading.training is not None
    assert np.load(reading.training.labels.path).tolist() == (np.arange(40) % 10).tolist()
    assert reading.preprocessing == {"version": 1, "labels": {"classes": list(range(1, 11))}}


def test_class_numbers_that_fit_stay_as_they_are(form: Form) -> None:
    reading = form.check(np.array([3, 5, 7]))
    assert reading.preprocessing == {}
    assert form.written(np.array([3, 5, 7])) == [3, 5, 7]


def test_more_values_than_outputs_are_refused(form: Form) -> None:
    assert form.mistake(np.arange(11)) == (
        "labels go from 0 to 10 but the model has 10 outputs, so labels must be 0 to 9"
    )
    assert "11 different values" in form.mistake(np.array([f"w{n:02}" for n in range(11)]))


def test_one_hot_rows_are_made_of_numbers_and_of_words(form: Form) -> None:
    rows = [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert form.written(WORDS, ONE_HOT) == rows
    assert form.written(np.array([1, 0, 1, 2]), ONE_HOT) == rows
    assert form.written(np.array([20, 10, 20, 30]), ONE_HOT) == rows
    assert form.written(np.array(rows), ONE_HOT) == rows, "what is one-hot already stays"


def test_two_values_of_any_kind_are_zero_and_one(form: Form) -> None:
    assert form.written(np.array(["yes", "no", "yes"]), BINARY) == [1, 0, 1]
    assert form.written(np.array([-1, 1, 1]), BINARY) == [0, 1, 1]
    assert form.written(np.array([0.25, 1.0, 0.0]), BINARY) == [0.25, 1.0, 0.0]
    assert "more than two different numbers" in form.mistake(np.array([1, 2, 3]), BINARY)


def test_numbers_that_are_no_classes_stay_numbers(form: Form) -> None:
    assert form.written(np.array([2.5, -7.0]), REAL) == [2.5, -7.0]
    assert "hold text instead of numbers (such as “cat”), but the loss takes numbers" in form.mistake(WORDS, REAL)


def test_nothing_is_numbered_where_that_is_switched_off(form: Form) -> None:
    assert "label encoding is off" in form.mistake(WORDS, label_encoding="none")
    assert "so labels must be 0 to 9" in form.mistake(np.arange(1, 11), label_encoding="none")


def test_validation_labels_are_numbered_as_the_training_labels(form: Form) -> None:
    data = np.ones((2, 2), "f4")
    reading = form.check(WORDS, validation_data=data, validation_labels=np.array(["eel", "cat"]))
    assert reading.validation is not None
    assert np.load(reading.validation.labels.path).tolist() == [2, 0]
    ten = np.arange(1, 11)
    reading = form.check(ten, validation_data=data, validation_labels=np.array([10, 3]))
    assert reading.validation is not None
    assert np.load(reading.validation.labels.path).tolist() == [9, 2]
    mistakes = {
        "“emu”, which the training labels do not have": (WORDS, np.array(["emu", "cat"])),
        "hold numbers, but the training labels are texts": (WORDS, np.array([0, 1])),
        "hold 11, which the training labels do not have": (ten, np.array([11, 3])),
        "hold text (such as “a”), but the training labels are numbers": (np.arange(10), np.array(["a", "b"])),
    }
    for told, (training, validation) in mistakes.items():
        assert told in form.mistake(training, validation_data=data, validation_labels=validation)


def test_damaged_and_endless_texts_are_refused(form: Form) -> None:
    broken = WORDS.copy()
    broken.view("u4")[1] = 0x110000
    assert "damaged text" in form.mistake(broken)
    assert "damaged text" in form.mistake(np.array([b"\xff\xfe", b"a"]))
    assert "no classes" in form.mistake(np.array(["a" * 201, "b"]))
    many = np.array([f"{n:06}" for n in range(30_000)])
    assert "more than 25,000 different texts" in form.mistake(many)
    assert "text instead of numbers" in form.mistake(np.array([0, 1]), data=np.array([["a", "b"], ["c", "d"]]))


def test_an_npz_may_bring_data_labels_and_validation(form: Form) -> None:
    arrays = {"x_train": np.ones((4, 2)), "y_train": WORDS, "x_test": np.zeros((2, 2)), "y_test": WORDS[:2]}
    data = form.save("data", arrays | {"meta": WORDS})
    reading = check_data(DataRequest(data or "", None, (SPEC,), TEN, str(form.folder / "out")))
    assert reading.problems == ()
    assert (reading.rows, reading.validation_rows) == (4, 2)
    assert reading.validation is not None
    assert np.load(reading.validation.labels.path).tolist() == [1, 0]


def test_an_npz_without_labels_says_what_to_do(form: Form) -> None:
    data = form.save("data", {"x": np.ones((4, 2))})
    reading = check_data(DataRequest(data or "", None, (SPEC,), TEN, str(form.folder / "out")))
    assert [(p.field, "save both in one .npz as x and y" in p.sentence) for p in reading.problems] == [("labels", True)]


def test_the_labels_own_file_goes_before_those_in_the_data(form: Form) -> None:
    assert form.written(np.array([5, 6, 7]), data={"x": np.ones((3, 2)), "y": np.array([1, 2, 3])}) == [5, 6, 7]


def test_an_input_of_the_model_is_never_taken_for_labels(form: Form) -> None:
    inputs = (InputSpec("x", (2,), "float32"), InputSpec("y", (1,), "float32"))
    reading = form.check(np.arange(3), data={"x": np.ones((3, 2)), "y": np.ones((3, 1))}, inputs=inputs)
    assert reading.training is not None
    assert [array.name for array in reading.training.inputs] == ["x", "y"]


def test_plain_arrays_are_checked_without_the_libraries_of_other_formats(form: Form) -> None:
    form.save("x", np.ones((3, 2)))
    form.save("y", np.arange(3))
    code = f"""
import sys
from server.intake.data_checks import check_data
from server.rules.intake_values import DataRequest
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec
folder = {str(form.folder)!r}
request = DataRequest(folder + "/x.npy", folder + "/y.npy", (InputSpec("x", (2,), "float32"),),
                      LabelRule("integer", 10, ()), folder + "/out")
assert check_data(request).rows == 3
assert not {{"pyarrow", "PIL", "h5py"}} & sys.modules.keys()
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == 0, outcome.stderr
