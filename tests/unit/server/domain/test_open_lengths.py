"""What a model with open dimensions costs is known when the data are: hosts are chosen and refused by that."""

from pathlib import Path

import msgspec
import pytest

from server.domain.draft_checker import check
from server.rules import sizing
from server.rules.intake_values import ArrayFile, DataReading, DataRequest, Examples, ModelReading
from tests.support.domain_grid import DomainGrid
from tests.support.tiny_training import TinyIntake, TinyLearner
from volunteer.plan.architecture import canonicalise, describe
from volunteer.plan.shapes import OPEN_LENGTH

LAYERS = [
    {"class_name": "InputLayer", "config": {"batch_shape": [None, None, 4], "dtype": "float32", "name": "x"}},
    {"class_name": "LSTM", "config": {"name": "lstm", "units": 8}},
    {"class_name": "Dense", "config": {"name": "d", "units": 1}},
]
MODEL = canonicalise({"class_name": "Sequential", "config": {"name": "open", "layers": LAYERS}})


class OpenIntake(TinyIntake):
    """Its model takes sequences; the data's are `length` long, those for validation `validation_length`."""

    def __init__(self, length: int, validation_length: int | None = None) -> None:
        super().__init__()
        self.lengths = (length, validation_length)

    def read_model(self, path: Path, out: Path) -> ModelReading:
        reading = super().read_model(path, out)
        shape = describe(MODEL)
        return msgspec.structs.replace(
            reading, architecture=MODEL, inputs=shape.inputs, output_shape=shape.output_shape, cost=shape.cost
        )

    def check_data(self, request: DataRequest) -> DataReading:
        def part(length: int) -> Examples:
            x = ArrayFile("x", request.data, "float32", (40, length, 4), (length, 4), request.data)
            return Examples((x,), ArrayFile("y", request.labels, "float32", (40, 1), (1,), request.labels))

        length, validation_length = self.lengths
        validation = None if validation_length is None else part(validation_length)
        rows = 0 if validation is None else 40
        return DataReading((), rows=40, validation_rows=rows, training=part(length), validation=validation)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    for name in ("model", "data", "labels"):
        (tmp_path / name).write_text("40")
    return {name: tmp_path / name for name in ("model", "data", "labels")}


FORM = {"name": "open", "consent": "1", "validation_fraction": "0"}


@pytest.mark.parametrize("length", [10, 3000])
def test_the_cost_is_that_of_the_examples_that_were_uploaded(
    files: dict[str, Path], tmp_path: Path, length: int
) -> None:
    checked = check(FORM, files, tmp_path / "out", OpenIntake(length), TinyLearner())
    assert checked.problems == []
    assert checked.finding is not None
    cost = checked.finding.model.cost
    assert cost == describe(MODEL, lengths={"x": (length, 4)}).cost
    assert (cost.operations > describe(MODEL).cost.operations) == (length > OPEN_LENGTH)


@pytest.mark.parametrize(
    ("intake", "field"), [(OpenIntake(2_000_000), "data"), (OpenIntake(10, 2_000_000), "validation_data")]
)
def test_examples_too_long_for_a_host_are_refused_beside_them(
    files: dict[str, Path], tmp_path: Path, intake: OpenIntake, field: str
) -> None:
    checked = check(FORM, files, tmp_path / "out", intake, TinyLearner())
    assert checked.finding is None
    assert [problem.field for problem in checked.problems] == [field]
    assert "examples of this length" in checked.problems[0].sentence
    assert "limit is" in checked.problems[0].sentence


def test_the_plan_and_the_memory_that_a_host_needs_are_of_the_real_length(grid: DomainGrid, owner: int) -> None:
    intake = OpenIntake(3000)
    grid.checker._intake = intake
    draft = grid.drafts.start(owner, grid.form(), grid.files(40, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    cost = describe(MODEL, lengths={"x": (3000, 4)}).cost
    assert grid.plan(project).cost == cost
    assert grid.row(project).memory_needed == sizing.memory_needed(cost.parameters, cost.activation_bytes, 4)
    assert grid.row(project).operations == 4 * cost.operations
