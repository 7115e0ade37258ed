from server.rules.preprocessing_in_words import preprocessing_in_words


def test_data_that_was_not_touched_says_nothing() -> None:
    assert preprocessing_in_words({}) == []
    assert preprocessing_in_words({"version": 1, "scaling": None, "labels": {}, "image": None}) == []


def test_what_was_done_to_the_data_is_said() -> None:
    said = dict(
        preprocessing_in_words({
            "version": 1, "scaling": {"kind": "unit", "inputs": {"x": {"subtract": 0.0, "divide_by": 255.0}}},
            "labels": {"classes": ["cat", "dog"]}, "label_column": "species",
            "columns": [{"name": f"c{i}"} for i in range(20)], "image": {"size": [28, 28], "channels": 1},
        })
    )  # fmt: skip
    assert said["Images"] == "28 × 28, grey"
    assert said["Classes, in the order of the model's answers"] == "cat, dog"
    assert said["Label column"] == "species"
    assert said["Columns"].endswith("c11 and 8 more")
    assert said["Scaling"] == "brought to 0 to 1: x ÷ 255"


def test_numbers_that_are_taken_off_are_in_the_formula() -> None:
    scaling = {"kind": "unit", "inputs": {"x": {"subtract": -3, "divide_by": 6}}}
    assert preprocessing_in_words({"scaling": scaling}) == [("Scaling", "brought to 0 to 1: (x + 3) ÷ 6")]


def test_long_lists_of_numbers_are_not_poured_onto_the_page() -> None:
    scaling = {"kind": "standard", "inputs": {"x": {"subtract": [0.1] * 999, "divide_by": [1.0] * 999}}}
    words = "each feature's mean taken off, divided by its spread"
    assert preprocessing_in_words({"scaling": scaling}) == [("Scaling", words)]


def test_inputs_that_were_scaled_differently_share_no_formula() -> None:
    inputs = {"a": {"subtract": 0, "divide_by": 255}, "b": {"subtract": 0, "divide_by": 2}}
    assert preprocessing_in_words({"scaling": {"kind": "unit", "inputs": inputs}}) == [("Scaling", "brought to 0 to 1")]
