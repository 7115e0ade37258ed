"""What a form asks to be done to its data, read with every mistake beside its field."""

import pytest

from server.rules.preprocessing import Preparation, read_preparation, recorded


def test_an_empty_form_asks_for_numbered_labels_and_nothing_else() -> None:
    assert read_preparation({}) == (Preparation("", "auto", "none", None), [])


@pytest.mark.parametrize("text", ["28x32", "28 X 32", "28×32", "28,32"])
def test_a_size_is_height_and_width(text: str) -> None:
    assert read_preparation({"image_size": text})[0].image_size == (28, 32)


def test_what_cannot_be_understood_stands_beside_its_field() -> None:
    form = {"image_size": "large", "scaling": "much", "label_encoding": "hex", "label_column": " kind "}
    preparation, problems = read_preparation(form)
    assert preparation == Preparation("kind")
    assert [problem.field for problem in problems] == ["label_encoding", "scaling", "image_size"]
    assert read_preparation({"image_size": "0x9"})[1][0].field == "image_size"


def test_nothing_done_is_nothing_recorded() -> None:
    assert recorded({"labels": {}, "scaling": None}) == {}
    assert recorded({"label_column": "kind", "labels": {}}) == {"version": 1, "label_column": "kind"}
