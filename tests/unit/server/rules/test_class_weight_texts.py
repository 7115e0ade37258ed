import pytest

from server.rules.class_weights import balanced, by_number, classes_of, explicit, read_pairs
from volunteer.plan.losses import LabelRule
from volunteer.plan.refused import Refused

THREE = LabelRule("integer", 3, ())


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("", {}),
        ("0:1,1:5", {"0": 1.0, "1": 5.0}),
        (" 2 = 0.5 ,, a big: cat: 1e1 ", {"2": 0.5, "a big: cat": 10.0}),
    ],
)
def test_pairs_are_read_as_people_write_them(text: str, weights: dict[str, float]) -> None:
    assert read_pairs(text) == weights


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "“5” is not a class and its weight"),
        (":1", "“:1” is not a class"),
        ("cat", "“cat” is not a class"),
        ("0:-1", "out of range"),
        ("0:1001", "out of range: 0 to 1000"),
        ("0:1,0:2", "Class 0 has two weights"),
        ("0:1e", "“1e” is not a number"),
        ("0:0,1:0", "nothing to learn"),
        ("0:1e999", "out of range"),
        ("0:..", "not a number"),
    ],
)
def test_what_is_no_pair_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_pairs(text)


def test_a_class_that_is_not_named_weighs_one() -> None:
    assert explicit("2:4", THREE) == [1.0, 1.0, 4.0]


def test_a_class_that_the_model_does_not_tell_apart_is_refused() -> None:
    with pytest.raises(Refused, match="no class 3: classes are numbers, 0 to 2") as refusal:
        explicit("3:1", THREE)
    assert refusal.value.field == "class_weights"


@pytest.mark.parametrize(
    "rule",
    [
        LabelRule("real", None, (1,)),
        LabelRule("integer", 3, (8,)),
        LabelRule("one_hot", 3, (8, 3)),
        LabelRule("binary", None, (4,)),
    ],
)
def test_without_one_class_an_example_there_are_no_weights(rule: LabelRule) -> None:
    with pytest.raises(Refused, match="one class for each example"):
        classes_of(rule)


def test_rules_with_classes_have_weights() -> None:
    rules = (THREE, LabelRule("one_hot", 4, (4,)), LabelRule("binary", None, (1,)))
    assert [classes_of(rule) for rule in rules] == [3, 4, 2]


def test_balanced_weights_make_every_class_count_alike() -> None:
    counts = [90, 0, 10]
    weights = balanced(counts, 0.0, False)
    assert weights == [pytest.approx(100 / 180), 1.0, 5.0]
    assert sum(w * n for w, n in zip(weights, counts, strict=True)) == pytest.approx(100)


def test_balanced_weights_are_those_of_what_is_left_to_train_on() -> None:
    assert balanced([90, 10], 0.1, False) == [pytest.approx(90 / (2 * 81)), pytest.approx(90 / (2 * 9))]
    assert balanced([90, 10], 0.1, True) == balanced([90, 10], 0.0, False)


def test_classes_may_go_by_the_names_that_their_labels_had() -> None:
    names = ["7", "cat", "dog"]
    assert explicit("dog:4, 7:2", THREE, names) == [2.0, 1.0, 4.0]
    assert explicit("1:3", THREE, names) == [1.0, 3.0, 1.0]
    with pytest.raises(Refused, match="no class cow: the classes are 7, cat, dog"):
        explicit("cow:1", THREE, names)
    with pytest.raises(Refused, match="no class cat: classes are numbers"):
        explicit("cat:1", THREE)


@pytest.mark.parametrize(
    ("weights", "numbers"),
    [([2.0, 1.0, 4.0], "0:2,2:4"), ([1.0, 1.0], ""), ([], ""), ([1 / 3, 1e-9, 0.0], f"0:{1 / 3},1:1e-09,2:0")],
)
def test_weights_are_written_by_number_and_lose_nothing(weights: list[float], numbers: str) -> None:
    assert by_number(weights) == numbers
    assert read_pairs(numbers) == {str(n): weight for n, weight in enumerate(weights) if weight != 1}
