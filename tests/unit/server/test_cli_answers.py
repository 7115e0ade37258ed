"""What the shell's checks print: one sentence, or one JSON object whatever goes wrong."""

import json
from pathlib import Path

import pytest

from server import bootstrap, cli
from server.rules.intake_values import DataReading, DataRequest, IntakeFailed
from server.rules.learning_values import InspectRequest, LearnerFailed
from server.rules.preprocessing import Preparation
from tests.support.tiny_training import TinyIntake, TinyLearner


class Learner(TinyLearner):
    """As bootstrap's: it can be closed."""

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _without_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "intake", lambda settings: TinyIntake())
    monkeypatch.setattr(bootstrap, "learner", lambda settings: Learner())
    monkeypatch.setattr(bootstrap, "keep_private", lambda: None, raising=False)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name in ("model.h5", "x.npy", "y.npy"):
        (tmp_path / name).write_text("40")
    return [str(tmp_path / name) for name in ("model.h5", "x.npy", "y.npy")]


def test_a_good_model_and_good_data_exit_with_zero(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-model", files[0]]) == 0
    assert "can be trained" in capsys.readouterr().out
    assert cli.main(["check-data", *files, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["problems"], answer["facts"]["parameters"]) == (True, [], "40")


def test_a_file_that_is_not_there_is_named(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check-model", "nosuch.h5"]) == 1
    assert capsys.readouterr().out == "There is no file nosuch.h5.\n"
    assert cli.main(["check-data", files[0], str(tmp_path), "nosuch.npy", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["problems"] == [
        {"field": "data", "sentence": f"{tmp_path} is not a file."},
        {"field": "labels", "sentence": "There is no file nosuch.npy."},
    ]


def test_how_data_shall_be_prepared_is_passed_on(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[DataRequest] = []

    class Intake(TinyIntake):
        def check_data(self, request: DataRequest) -> DataReading:
            asked.append(request)
            return super().check_data(request)

    monkeypatch.setattr(bootstrap, "intake", lambda settings: Intake())
    options = ["--label-column", "kind", "--scaling", "unit", "--image-size", "8x9", "--label-encoding", "none"]
    assert cli.main(["check-data", *files[:2], *options]) == 1
    assert capsys.readouterr().out == "Choose the labels.\n"
    assert asked[0].labels is None
    assert asked[0].preparation == Preparation("kind", "none", "unit", (8, 9))


@pytest.mark.parametrize("error", [LearnerFailed("The learner died."), IntakeFailed("The disk is full.")])
def test_our_own_failure_is_a_json_object_too(
    error: Exception, files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Learner, request: InspectRequest) -> None:
        raise error

    monkeypatch.setattr(Learner, "inspect", fail)
    for command in (["check-model", files[0]], ["check-data", *files]):
        assert cli.main([*command, "--json"]) == 1
        answer = json.loads(capsys.readouterr().out)
        assert answer == {
            "ok": False, "sentence": str(error), "problems": [{"field": "", "sentence": str(error)}], "facts": {}
        }  # fmt: skip
        assert cli.main(command) == 1
        assert str(error) in capsys.readouterr().err
