from pathlib import Path
from typing import Any

import numpy as np
import pytest

from requestor import fitting
from requestor.drafts import form_of
from requestor.errors import NoConsent, RequestorError
from requestor.grid import Grid
from requestor.project import ProjectHandle
from server.domain.drafts import FORM_FIELDS as OF_THE_SERVER
from server.domain.drafts import UPLOAD_FIELDS
from server.rules.results import ModelKind
from volunteer.protocol.form_fields import FILE_FIELDS, FORM_FIELDS
from volunteer.protocol.requestor_messages import ModelFormat


def test_the_client_names_the_forms_texts_and_files_as_the_server_does() -> None:
    assert {field.name for field in FORM_FIELDS} == set(OF_THE_SERVER)
    assert FILE_FIELDS == UPLOAD_FIELDS
    assert {str(one) for one in ModelFormat} == {str(one) for one in ModelKind}


@pytest.mark.parametrize(
    ("settings", "form"),
    [
        ({"k": 16, "learning_rate": 0.1, "name": "digits"}, {"k": "16", "learning_rate": "0.1", "name": "digits"}),
        ({"epochs": None}, {}),
        ({"metrics": ["accuracy", "mae"]}, {"metrics": "accuracy,mae"}),
        ({"class_weights": {0: 1, 1: 2.5}}, {"class_weights": "0:1,1:2.5"}),
        ({"scale_learning_rate": True}, {"scale_learning_rate": "1"}),
        ({"scale_learning_rate": False}, {"scale_learning_rate": ""}),
    ],
)
def test_settings_become_the_forms_texts(settings: dict[str, Any], form: dict[str, str]) -> None:
    assert form_of(settings) == form


def test_an_unknown_setting_is_named_before_anything_is_sent() -> None:
    with pytest.raises(RequestorError, match=r"no setting “batchsize”.*batch_size"):
        form_of({"batchsize": 1})
    grid = Grid("http://127.0.0.1:9", "daigtoken_x")
    with pytest.raises(RequestorError, match="no setting “lr”"):
        grid.submit({"model": __file__, "data": __file__}, lr=1)
    with pytest.raises(RequestorError, match="no file field “photo”"):
        grid.submit({"photo": __file__})
    with pytest.raises(RequestorError, match="There is no file"):
        grid.submit({"model": "nowhere.keras"})
    with pytest.raises(NoConsent):
        grid.submit({"model": __file__, "data": __file__}, consent=False)


def test_arrays_become_files_that_need_no_pickle(tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.uint8).reshape(3, 2)
    one = fitting.array_file(x, tmp_path / "data")
    assert one.suffix == ".npy"
    np.testing.assert_array_equal(np.load(one, allow_pickle=False), x)
    several = fitting.array_file({"left": x, "right": [1, 2, 3]}, tmp_path / "data")
    with np.load(several, allow_pickle=False) as held:
        assert set(held) == {"left", "right"}
    assert fitting.array_file("table.csv", tmp_path / "data") == Path("table.csv")
    with pytest.raises(ValueError, match="allow_pickle"):
        fitting.array_file(np.array([{}, None], object), tmp_path / "objects")


def test_a_model_is_saved_by_its_own_method_and_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    class Model:
        name = "my net/1"

        def save(self, path: Path) -> None:
            path.write_text("saved")

    saved = fitting.model_file(Model(), tmp_path)
    assert (saved.name, saved.read_text()) == ("my-net-1.keras", "saved")
    assert fitting.model_file("old.h5", tmp_path) == Path("old.h5")


def test_an_interruption_leaves_the_project_running_and_says_how_to_come_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: ProjectHandle, told: object) -> None:
        raise KeyboardInterrupt

    grid = Grid("http://127.0.0.1:9", "daigtoken_x")
    monkeypatch.setattr(grid, "submit", lambda files, **settings: grid.project(7))
    monkeypatch.setattr(ProjectHandle, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grid.fit("model.keras", np.zeros(3), np.zeros(3), consent=True, verbose=0)
    said = capsys.readouterr().out
    assert "Project 7 goes on at http://127.0.0.1:9/projects/7" in said
    assert "daig watch 7" in said
