"""People are told what is wrong with their data: every mistake, beside its field, in words that help."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.intake.data_checks import check_data
from server.intake.intake import ChildIntake
from server.rules.intake_values import DataReading, DataRequest
from server.rules.preprocessing import Preparation
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

IMAGE = InputSpec("image", (8, 8, 1), "float32")
CLASSES = LabelRule(kind="integer", classes=10, shape=())
ONE_HOT = LabelRule(kind="one_hot", classes=10, shape=(10,))
BINARY = LabelRule(kind="binary", classes=2, shape=(1,))
REAL = LabelRule(kind="real", classes=None, shape=(1,))
RNG = np.random.default_rng(1)


def images(rows: int = 100) -> Any:
    return RNG.random((rows, 8, 8, 1)).astype("f4")


def digits(rows: int = 100) -> Any:
    return np.arange(rows) % 10


class Form:
    """Saves arrays and asks for their check, as the form does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, name: str, array: Any) -> str:
        path = self.folder / name
        if isinstance(array, dict):
            np.savez(path, **array)
            return f"{path}.npz"
        np.save(path, array)
        return f"{path}.npy"

    def request(
        self, data: Any, labels: Any, rule: LabelRule = CLASSES, *inputs: InputSpec, **more: Any
    ) -> DataRequest:
        for name in ("validation_data", "validation_labels"):
            if name in more:
                more[name] = self.save(name, more[name])
        # As uploaded, unless a test asks for more.
        more.setdefault("preparation", Preparation(label_encoding="none"))
        unpacked = self.folder / "unpacked"
        unpacked.mkdir(exist_ok=True)
        return DataRequest(
            data=self.save("data", data),
            labels=self.save("labels", labels),
            inputs=inputs or (IMAGE,),
            rule=rule,
            folder=str(unpacked),
            **more,
        )

    def check(self, *arguments: Any, **more: Any) -> DataReading:
        return check_data(self.request(*arguments, **more))

    def sentences(self, *arguments: Any, **more: Any) -> list[tuple[str, str]]:
        reading = self.check(*arguments, **more)
        assert (reading.training is None) == bool(reading.problems)
        return [(problem.field, problem.sentence) for problem in reading.problems]


@pytest.fixture
def form(tmp_path: Path) -> Form:
    return Form(tmp_path)


def test_good_data_is_described(form: Form) -> None:
    reading = form.check(
        images(), digits(), validation_data=images(20), validation_labels=digits(20), batch_size=32
    )
    assert reading.problems == ()
    assert (reading.rows, reading.validation_rows) == (100, 20)
    assert reading.classes == [10] * 10
    assert reading.bytes == 120 * (64 * 4 + 8)


def test_the_child_gives_the_same_answer(form: Form, tmp_path: Path) -> None:
    request = form.request(images(), digits(90), batch_size=32)
    assert ChildIntake(tmp_path / "children").check_data(request) == check_data(request)


def test_row_counts_that_differ_are_named(form: Form) -> None:
    assert form.sentences(images(1797), digits(1790)) == [("labels", "labels has 1,790 rows, data has 1,797")]


def test_every_mistake_is_named_not_only_the_first(form: Form) -> None:
    data = images(100)
    data[17, 3, 3, 0] = np.nan
    labels = digits(90) + 1
    problems = form.sentences(data, labels, validation_data=images(5)[:, :4], validation_labels=digits(4))
    assert [field for field, _ in problems] == ["labels", "data", "labels", "validation_data"]
    assert "NaN in row 17" in problems[1][1]


def test_labels_out_of_range_are_told_the_range(form: Form) -> None:
    assert form.sentences(images(11), np.arange(11)) == [
        ("labels", "labels go from 0 to 10 but the model has 10 outputs, so labels must be 0 to 9")
    ]


@pytest.mark.parametrize("labels", [digits().astype("f4"), digits()[:, None], digits().astype("u1")])
def test_whole_numbers_of_any_kind_are_class_numbers(form: Form, labels: Any) -> None:
    reading = form.check(images(), labels)
    assert reading.problems == ()
    assert reading.training is not None
    assert reading.training.labels.row_shape == ()


def test_fractions_are_not_class_numbers(form: Form) -> None:
    assert "0.5 in row 1" in form.sentences(images(), digits() + np.eye(100)[1] * -0.5)[0][1]


def test_one_hot_labels_for_a_sparse_loss_and_the_reverse_get_advice(form: Form) -> None:
    assert "categorical_crossentropy" in form.sentences(images(), np.eye(10)[digits()])[0][1]
    assert "sparse_categorical_crossentropy" in form.sentences(images(), digits(), ONE_HOT)[0][1]


def test_rows_that_are_not_one_hot_are_found(form: Form) -> None:
    labels = np.eye(10)[digits()]
    labels[7] = 0
    assert form.sentences(images(), labels, ONE_HOT) == [
        ("labels", "row 7 of labels is not one-hot: its 10 numbers must be 0 or more and add up to 1")
    ]


def test_binary_labels_may_lack_the_last_dimension_but_must_lie_between_0_and_1(form: Form) -> None:
    reading = form.check(images(), digits() % 2, BINARY)
    assert reading.problems == ()
    assert reading.classes == [50, 50]
    assert form.sentences(images(), digits() % 2 * 2 - 1, BINARY) == [
        ("labels", "labels go from -1 to 1, but the loss takes numbers from 0 to 1")
    ]


def test_numbers_that_float32_cannot_hold_are_found(form: Form) -> None:
    labels = np.ones((100, 1))
    labels[3] = 1e39
    assert "too large for float32" in form.sentences(images(), labels, REAL)[0][1]
    labels[3] = -np.inf
    assert "infinite" in form.sentences(images(), labels, REAL)[0][1]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_in_every_width(form: Form, dtype: str, number: float) -> None:
    data = images().astype(dtype)
    data[99, 7, 7, 0] = number
    assert "row 99" in form.sentences(data, digits())[0][1]


def test_shapes_are_fitted_as_keras_fits_them_and_no_further(form: Form) -> None:
    reading = form.check(images()[..., 0], digits())
    assert reading.training is not None
    assert reading.training.inputs[0].row_shape == (8, 8, 1)
    assert form.sentences(images()[:, :, :4], digits()) == [
        ("data", "each row of data has the shape (8, 4, 1), but the model's input 'image' takes (8, 8, 1)")
    ]


def test_several_inputs_come_from_an_npz_by_name(form: Form) -> None:
    specs = (InputSpec("left", (4,), "float32"), InputSpec("right", (2,), "float32"))
    arrays = {"right": np.ones((6, 2)), "left": np.ones((6, 4)), "extra": np.ones(6)}
    reading = form.check(arrays, digits(6), CLASSES, *specs)
    assert reading.training is not None
    assert [array.name for array in reading.training.inputs] == ["left", "right"]
    assert "extra" in reading.remarks[0].sentence
    (problem,) = form.sentences(np.ones((6, 4)), digits(6), CLASSES, *specs)
    assert problem[0] == "data"
    assert "left, right" in problem[1]
    (problem,) = form.sentences(
        {"left": np.ones((6, 4)), "right": np.ones((5, 2))}, digits(6), CLASSES, *specs
    )
    assert "differ in their number of rows: 'left' has 6, 'right' has 5" in problem[1]


def test_numbers_beyond_an_embedding_are_found(form: Form) -> None:
    words = InputSpec("words", (7,), "float32")
    data = RNG.integers(0, 20, (100, 7))
    assert form.check(data, digits(), CLASSES, words, index_limits={"words": 20}).problems == ()
    data[9, 2] = 20
    ((field, sentence),) = form.sentences(data, digits(), CLASSES, words, index_limits={"words": 20})
    assert field == "data"
    assert "20 in row 9" in sentence
    assert "takes 0 to 19" in sentence


def test_an_input_of_whole_numbers_takes_no_fractions(form: Form) -> None:
    words = InputSpec("words", (7,), "int32")
    data = np.ones((100, 7))
    data[5, 1] = 0.25
    assert "0.25 in row 5" in form.sentences(data, digits(), CLASSES, words)[0][1]
    assert "3000000000" in form.sentences(np.full((100, 7), 3_000_000_000), digits(), CLASSES, words)[0][1]


def test_no_rows_and_too_few_rows_are_named(form: Form) -> None:
    assert [field for field, _ in form.sentences(images(0), digits(0))] == ["data", "labels"]
    ((field, sentence),) = form.sentences(images(10), digits(10), batch_size=32)
    assert field == "batch_size"
    assert sentence == "the batch size is 32, but data has 10 rows"


def test_classes_without_examples_are_a_remark(form: Form) -> None:
    reading = form.check(images(), digits() % 8)
    assert reading.problems == ()
    assert [remark.sentence for remark in reading.remarks] == [
        "labels use 8 of the model's 10 classes; none is of class 8, 9"
    ]


def test_validation_data_need_labels_and_the_reverse(form: Form) -> None:
    assert form.sentences(images(), digits(), validation_data=images(3))[0][0] == "validation_labels"
    assert form.sentences(images(), digits(), validation_labels=digits(3))[0][0] == "validation_data"


def test_labels_of_text_are_refused(form: Form) -> None:
    assert "text" in form.sentences(images(3), np.array(["cat", "dog", "cat"]))[0][1]


def test_the_sample_holds_the_first_rows_as_the_model_takes_them(form: Form) -> None:
    data = images()[..., 0]
    reading = form.check(data, digits()[:, None].astype("f8"), batch_size=16)
    assert reading.training is not None
    sample = np.load(reading.training.inputs[0].sample)
    assert np.array_equal(sample, data[:16, ..., None])
    labels = np.load(reading.training.labels.sample)
    assert labels.tolist() == digits(16).tolist()
    assert labels.dtype == np.int32
