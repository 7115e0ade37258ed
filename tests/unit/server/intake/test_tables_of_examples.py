"""CSV and Parquet: the label column is chosen, the rest are numbers, and every mistake has its row and column."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.intake.data_checks import check_data, preview_data
from server.intake.intake import ChildIntake
from server.rules.intake_values import DataReading, DataRequest, PreviewRequest
from server.rules.preprocessing import Preparation
from volunteer.plan.objectives import LabelRule
from volunteer.plan.shapes import InputSpec

FLOWERS = (
    "length;width;kind\n5.1;3.5;setosa\n4.9;3.0;setosa\n7.0;3.2;versicolor\n6.3;3.3;virginica\n5.8;2.7;virginica\n"
)
TWO = InputSpec("x", (2,), "float32")
THREE_CLASSES = LabelRule("integer", 3, ())
REAL = LabelRule("real", None, (1,))


class Sheet:
    """Writes a table and asks for its check, as the form does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def parquet(self, name: str, **columns: Any) -> str:
        path = self.folder / name
        pq.write_table(pa.table(columns), path, row_group_size=3)
        return str(path)

    def check(
        self, data: str | bytes, column: str = "kind", rule: LabelRule = THREE_CLASSES, spec: InputSpec = TWO,
        **more: Any,
    ) -> DataReading:  # fmt: skip
        path = self.file("data", data)
        asked = {name: more.pop(name) for name in ("scaling", "label_encoding") if name in more}
        preparation = Preparation(label_column=column, **asked)
        out = self.folder / "out"
        return check_data(DataRequest(path, more.pop("labels", None), (spec,), rule, str(out), preparation=preparation,
                                      **more))  # fmt: skip

    def mistakes(self, *arguments: Any, **more: Any) -> list[tuple[str, str]]:
        reading = self.check(*arguments, **more)
        assert reading.training is None
        return [(problem.field, problem.sentence) for problem in reading.problems]


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    return Sheet(tmp_path)


def test_a_csv_is_cut_into_numbers_and_numbered_classes(sheet: Sheet) -> None:
    reading = sheet.check(FLOWERS)
    assert reading.problems == ()
    assert reading.training is not None
    x, y = reading.training.inputs[0], reading.training.labels
    assert np.load(x.path).dtype == np.float32
    assert np.load(x.path).tolist() == np.float32([[5.1, 3.5], [4.9, 3], [7, 3.2], [6.3, 3.3], [5.8, 2.7]]).tolist()
    assert np.load(y.path).tolist() == [0, 0, 1, 2, 2]
    assert reading.classes == [2, 1, 2]
    assert reading.preprocessing == {
        "version": 1,
        "columns": ["length", "width"],
        "label_column": "kind",
        "labels": {"classes": ["setosa", "versicolor", "virginica"]},
    }


def test_columns_are_shown_before_the_label_column_is_chosen(sheet: Sheet) -> None:
    reading = sheet.check(FLOWERS, "")
    assert [(p.field, p.sentence) for p in reading.problems] == [
        ("label_column", "Choose the column that holds the labels")
    ]
    preview = reading.preview["data"]
    assert (preview["kind"], preview["rows"]) == ("csv", 5)
    assert [(c["name"], c["type"], c["distinct"]) for c in preview["columns"]] == [
        ("length", "number", None),
        ("width", "number", None),
        ("kind", "text", 3),
    ]
    assert preview["head"][2] == ["7.0", "3.2", "versicolor"]


def test_the_child_previews_without_a_model(sheet: Sheet, tmp_path: Path) -> None:
    request = PreviewRequest({"data": sheet.file("data", FLOWERS)}, str(tmp_path / "out"))
    reading = ChildIntake(tmp_path / "children").preview(request)
    assert reading == preview_data(request)
    assert reading.preview["data"]["rows"] == 5
    assert [problem.field for problem in reading.problems] == ["label_column"]


def test_labels_in_a_csv_of_words_alone_need_no_name(sheet: Sheet) -> None:
    labels = sheet.file("labels", "x\ny\nx\n")
    reading = sheet.check("a,b\n1,2\n3,4\n5,6\n", "", labels=labels)
    assert reading.training is not None
    assert np.load(reading.training.labels.path).tolist() == [0, 1, 0]


def test_numbers_of_every_type_of_parquet_are_numbers(sheet: Sheet) -> None:
    of_types = [pa.array([1, 2], kind) for kind in (pa.int8(), pa.uint64(), pa.float16(), pa.float64())]
    for values in (*of_types, pa.array([Decimal("1.25"), Decimal(3)]), pa.array([True, False])):
        path = Path(sheet.parquet("p", a=values, b=[1, 2], kind=["x", "y"]))
        assert sheet.check(path.read_bytes()).problems == ()


def test_the_classes_of_the_chosen_column_are_counted(sheet: Sheet) -> None:
    classes = sheet.check(FLOWERS).preview["data"]["classes"]
    assert classes == [
        {"name": "setosa", "count": 2},
        {"name": "versicolor", "count": 1},
        {"name": "virginica", "count": 2},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(sheet: Sheet, delimiter: str) -> None:
    assert sheet.check(FLOWERS.replace(";", delimiter)).rows == 5


def test_a_csv_without_names_is_given_some_and_says_so(sheet: Sheet) -> None:
    reading = sheet.check(FLOWERS.split("\n", 1)[1], "column 3")
    assert reading.rows == 5
    assert "no line of column names" in reading.remarks[0].sentence


@pytest.mark.parametrize(
    ("table", "field", "told"),
    [
        ("a,b,kind\n1,2,x\n3,,y\n", "data", "“b” of data has no value in row 1"),
        ("a,b,kind\n1,2,x\n3,NaN,y\n5,nan,y\n", "data", "“b” of data has no value in row 1 (the first row is row 0"),
        ("a,b,kind\n1,2,x\n3,4,\n", "data", "“kind” of data has no label in row 1"),
        ("a,b,kind\n1,2,x\n3,4,y\n3,four,y\n", "data", "“b” of data holds “four” instead of a number in row 2"),
        ("a,b,kind\n1,Rome,x\n3,Paris,y\n", "data", "“b” of data holds text (such as “Rome”)"),
        ("a;b;kind\n0,5;1;x\n1,25;2;y\n", "data", "“a” of data writes numbers with a decimal comma (such as “0,5”)"),
        ("a,b,kind\n1,inf,x\n3,4,y\n", "data", "“b” of data holds an infinite number in row 0"),
        ("a,b,kind\n1,1e39,x\n3,4,y\n", "data", "“b” of data holds a number that is too large for float32"),
        ("a,b,kind\n1,2\n3,4\n", "data", "data has 2 values in row 0, where 3 are expected"),
        ("a,b,kind\n1,2,x\n3,4\n", "data", "data has 2 values in row 1, where 3 are expected"),
        ("a,b,kind\n1,2,x\n3,4,y,5\n", "data", "data has 4 values in row 1, where 3 are expected"),
        ("a,b,c,kind\n1,2,3,x\n", "data", "3 columns besides the labels, but the model's input 'x' takes (2,)"),
        (",a,b,kind\n0,1,2,x\n1,3,4,y\n", "data", "(the column “column 1” seems to number the rows: leave it out)"),
        ("a,b,sort\n1,2,x\n", "label_column", "data have no column “kind”; they have “a”, “b”, “sort”"),
        ("a,a,kind\n1,2,x\n", "data", "data has two columns called “a”"),
        ("a,b,kind\n", "data", "data has no rows"),
        ("a,b,kind\n1,2,w\n1,2,x\n1,2,y\n1,2,z\n", "labels", "labels hold 4 different values (“w”, “x”, “y”, “z”)"),
        (b"a,b,kind\n1,2,x\n3,4,\xff\n", "data", "line 3 is not UTF-8"),
        (b"a,b,kind\n" + b"1,2,x\n" * 500 + b"3,4,\xff\n", "data", "data is not UTF-8 in line 502"),
        ("a,b,kind\n1,2,x\n".encode("utf-16"), "data", "nor CSV text in UTF-8"),
        (b"a,b,kind\n1,2,x\0\n", "data", "nor CSV text in UTF-8"),
        (",".join(f"c{n}" for n in range(100_000)) + "\n", "data", "has 100,000 columns; at most 4,096 are accepted"),
        ("a,b,kind\n" + "1,2,x\n" * 500 + '1,2,"' + "x\n" * 2_000_000, "data", "has 1 value in row 501, where 3"),
        (";".join(f"c{n}" for n in range(200)) + "\n" + "x;" * 199 + "x\n", "data", "has 200 columns of text, such as"),
        ("a,b,kind\n" + "1" * 2_000_000 + ",2,x\n", "data", "a line of more than 1,048,576 bytes"),
        ("a,b,kind\n" + "1,2,x\n" * 500 + "1" * 5_000_000 + ",2,x\n", "data", "a row of more than 2,097,152 bytes"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_place(sheet: Sheet, table: str | bytes, field: str, told: str) -> None:
    (mistake,) = sheet.mistakes(table)
    assert mistake[0] == field
    assert told in mistake[1]


def test_a_text_late_in_a_column_of_numbers_is_found_in_its_row(sheet: Sheet) -> None:
    table = "a,b,kind\n" + "1,2,x\n" * 400_000 + "1,oops,y\n"
    ((field, sentence),) = sheet.mistakes(table)
    assert field == "data"
    assert "“oops” instead of a number in row 400,000" in sentence


def test_whole_numbers_stay_whole_and_truth_becomes_0_and_1(sheet: Sheet) -> None:
    reading = sheet.check("a,b,kind\n1,true,x\n-3,false,y\n")
    assert reading.training is not None
    x = np.load(reading.training.inputs[0].path)
    assert (x.dtype, x.tolist()) == (np.int32, [[1, 1], [-3, 0]])


def test_a_table_of_pixels_takes_the_shape_of_the_model(sheet: Sheet) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (6, 64))
    rows = "\n".join(f"{n % 3}," + ",".join(map(str, row)) for n, row in enumerate(pixels))
    header = "label," + ",".join(map(str, range(64)))
    reading = sheet.check(f"{header}\n{rows}\n", "label", spec=InputSpec("image", (8, 8, 1), "float32"))
    assert reading.problems == ()
    assert reading.training is not None
    x = reading.training.inputs[0]
    assert (x.dtype, x.row_shape) == ("|u1", (8, 8, 1))
    assert np.array_equal(np.load(x.sample), pixels.reshape(6, 8, 8, 1))
    assert "labels" not in reading.preprocessing, "0 to 2 are class numbers already"
    assert [remark.field for remark in reading.remarks] == ["scaling"]


def test_regression_labels_stay_numbers(sheet: Sheet) -> None:
    reading = sheet.check("a,b,price\n1,2,1.5\n3,4,2.5\n", "price", REAL)
    assert reading.training is not None
    assert np.load(reading.training.labels.path).tolist() == [1.5, 2.5]
    assert sheet.mistakes(FLOWERS, "kind", REAL)[0][1].endswith("but the loss takes numbers")


def test_several_columns_may_be_predicted_at_once(sheet: Sheet) -> None:
    table = "a,u,b,v\n1,2,3,4\n5,6,7,8.5\n"
    reading = sheet.check(table, "v, u", LabelRule("real", None, (2,)))
    assert reading.training is not None
    assert np.load(reading.training.labels.path).tolist() == [[4, 2], [8.5, 6]]
    assert np.load(reading.training.inputs[0].path).tolist() == [[1, 3], [5, 7]]
    assert "several labels must be numbers" in sheet.mistakes(table.replace("8.5", "x"), "v, u", REAL)[0][1]


def test_a_model_of_several_inputs_takes_columns_of_their_names(sheet: Sheet) -> None:
    data = sheet.file("data", "age,kind,height\n1,x,2\n3,y,4\n")
    inputs = (InputSpec("height", (1,), "float32"), InputSpec("age", (1,), "float32"))
    request = DataRequest(data, None, inputs, THREE_CLASSES, str(sheet.folder / "out"), preparation=Preparation("kind"))
    reading = check_data(request)
    assert reading.training is not None
    assert [np.load(array.path).tolist() for array in reading.training.inputs] == [[[2], [4]], [[1], [3]]]
    assert reading.preprocessing["columns"] == ["height", "age"]
    request = msgspec.structs.replace(request, inputs=(inputs[0], InputSpec("text", (5,), "float32")))
    assert "save a .npz with one array for each input instead" in check_data(request).problems[0].sentence


def test_labels_may_be_a_file_of_their_own(sheet: Sheet) -> None:
    labels = sheet.file("labels", "id,kind\n1,x\n2,y\n")
    reading = sheet.check("a,b\n1,2\n3,4\n", labels=labels)
    assert reading.training is not None
    assert np.load(reading.training.labels.path).tolist() == [0, 1]
    assert reading.preview["labels"]["classes"] == [{"name": "x", "count": 1}, {"name": "y", "count": 1}]


def test_validation_tables_are_read_as_the_training_table(sheet: Sheet) -> None:
    held_out = sheet.file("held_out", "kind,width,length,extra\nvirginica,1,2,3\nsetosa,4,5,6\n")
    reading = sheet.check(FLOWERS, validation_data=held_out, scaling="unit")
    assert reading.problems == ()
    assert reading.validation is not None
    assert np.load(reading.validation.labels.path).tolist() == [2, 0]
    scale = reading.preprocessing["scaling"]["inputs"]["x"]
    expected = (np.array([[2, 1], [5, 4]]) - scale["subtract"]) / scale["divide_by"]
    assert np.allclose(np.load(reading.validation.inputs[0].path), expected)
    assert np.allclose(scale["subtract"], [4.9, 2.7])
    strange = sheet.file("held_out", "kind,width,length\ntulip,1,2\n")
    assert sheet.mistakes(FLOWERS, validation_data=strange) == [
        ("validation_labels", "validation labels hold “tulip”, which the training labels do not have")
    ]
    lacking = sheet.file("held_out", "kind,width\nsetosa,1\n")
    assert "lack 1 column of the training data: “length”" in sheet.mistakes(FLOWERS, validation_data=lacking)[0][1]


def test_parquet_says_the_same_as_csv(sheet: Sheet, tmp_path: Path) -> None:
    columns = {"a": [1, 2, 3, 4], "b": [0.5, 1.5, 2.5, 3.5], "kind": pa.array(["y", "x", "y", "z"]).dictionary_encode()}
    path = Path(sheet.parquet("p", **columns))
    reading = sheet.check(path.read_bytes())
    assert reading.problems == ()
    assert reading.preview["data"]["kind"] == "parquet"
    assert [c["type"] for c in reading.preview["data"]["columns"]] == ["integer", "number", "text"]
    assert reading.training is not None
    assert np.load(reading.training.inputs[0].path).tolist() == [[1, 0.5], [2, 1.5], [3, 2.5], [4, 3.5]]
    assert np.load(reading.training.labels.path).tolist() == [1, 0, 1, 2]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"a": [[1, 2], [3]], "b": [1, 2], "kind": ["x", "y"]}, "a column “a” of nested values"),
        ({"a": [{"c": 1}, {"c": 2}], "b": [1, 2], "kind": ["x", "y"]}, "a column “a” of nested values"),
        ({"a": [1, None], "b": [1, 2], "kind": ["x", "y"]}, "“a” of data has no value in row 1"),
        ({"a": [1.0, np.nan], "b": [1, 2], "kind": ["x", "y"]}, "“a” of data has no value in row 1"),
        ({"a": pa.array([1, 2], pa.timestamp("s")), "b": [1, 2], "kind": ["x", "y"]}, "holds timestamp[ms], which"),
        ({"a": [b"1", b"2"], "b": [1, 2], "kind": ["x", "y"]}, "“a” of data holds binary, which is no number"),
        ({"a": ["1", "2"], "b": [1, 2], "kind": ["x", "y"]}, "“a” of data holds text (such as “1”)"),
    ],
)  # fmt: skip
def test_each_mistake_of_a_parquet_is_told(sheet: Sheet, columns: dict[str, Any], told: str) -> None:
    ((field, sentence),) = sheet.mistakes(Path(sheet.parquet("p", **columns)).read_bytes())
    assert field == "data"
    assert told in sentence


def test_bytes_that_are_no_text_in_a_parquet_are_found(sheet: Sheet) -> None:
    whole = Path(sheet.parquet("p", a=[1, 2], b=[3, 4], kind=["quince", "medlar"])).read_bytes()
    assert whole.count(b"quince") > 0
    assert "damaged Parquet" in sheet.mistakes(whole.replace(b"quince", b"qu\xff\xffce"))[0][1]


def test_a_damaged_parquet_is_refused(sheet: Sheet) -> None:
    whole = Path(sheet.parquet("p", a=list(range(100)), b=[1.0] * 100, kind=["x"] * 100)).read_bytes()
    assert "damaged or encrypted Parquet" in sheet.mistakes(whole[:-20])[0][1]
    for place in range(8, len(whole) - 600, 97):
        broken = whole[:place] + b"\xff" * 8 + whole[place + 8 :]
        reading = sheet.check(broken)
        assert all(problem.field in ("data", "labels") for problem in reading.problems)


def test_a_small_parquet_that_claims_a_great_deal_is_refused_unread(
    sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = np.zeros(1000)
    content = Path(sheet.parquet("p", a=zeros, b=zeros, kind=zeros)).read_bytes()
    monkeypatch.setattr("server.intake.bounds.TABLE_CELLS", 2999)
    monkeypatch.setattr("server.intake.parquet_files.looked_through", None)
    assert "has more than 2,999 values in 3 columns" in sheet.mistakes(content)[0][1]


def test_texts_that_unpack_to_more_than_the_child_may_hold_are_refused(sheet: Sheet, tmp_path: Path) -> None:
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array(["x" * 5_000_000]))
    path = tmp_path / "p"
    pq.write_table(pa.table({"a": np.zeros(100_000), "kind": long}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    request = PreviewRequest({"data": str(path)}, str(tmp_path / "out"), "kind")
    (problem,) = ChildIntake(tmp_path / "children").preview(request).problems
    assert problem.field == "data"
    assert "needs more memory" in problem.sentence
