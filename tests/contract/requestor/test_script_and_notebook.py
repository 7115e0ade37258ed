"""The client against a real grid with one real volunteer: submit, watch, download; fit in the place of Keras's own."""

import io
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from requestor import Grid, uploads
from requestor.cli import FAILED, NEEDS_CORRECTION, OK, UNREACHABLE, main
from requestor.errors import NeedsCorrection, NoConsent, Refused, Unreachable
from requestor.project import ProjectHandle
from requestor.transport import Transport
from requestor.uploads import Uploads, sha256_of
from tests.support.broken_line import BrokenLine
from tests.support.grid import RunningGrid
from tests.support.person import Person
from tests.support.volunteer import RunningVolunteer
from volunteer.protocol.endpoints import PREFIX

EXAMPLES = 256


class Stage:
    """The grid, its volunteer, the owner's token, a tiny compiled model and data for it."""

    def __init__(self, folder: Path, grid: RunningGrid, key: str, token: str) -> None:
        self.folder, self.address, self.key, self.token = folder, grid.address, key, token
        self.grid = Grid(grid.address, token)
        numbers = np.random.default_rng(1)
        self.x = numbers.normal(size=(EXAMPLES, 4)).astype(np.float32)
        self.y = (self.x.sum(axis=1) > 0).astype(np.int64)
        np.save(folder / "x.npy", self.x)
        np.save(folder / "y.npy", self.y)
        np.save(folder / "short.npy", self.y[:-7])
        self.model_file = folder / "tiny.keras"
        tiny().save(self.model_file)


def tiny() -> Any:
    import keras

    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with RunningGrid(folder) as grid:
        owner = Person(grid.address, "owner").sign_up()
        key = owner.join_key()
        wanted: Any = {"label": "a script", "scopes": ["read", "write"], "days": "30"}
        page = owner.submit("/account/tokens", wanted, page="/account")
        found = re.search(r"daigtoken_[\w-]{20,}", page.text)
        assert found, page.text
        with RunningVolunteer(grid.address, key, folder, "steady"):
            yield Stage(folder, grid, key, found.group())


@pytest.fixture
def known(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The command line finds grid and token in the environment."""
    monkeypatch.setenv("DAIG_URL", stage.address)
    monkeypatch.setenv("DAIG_TOKEN", stage.token)
    return stage


@pytest.fixture(scope="module")
def submitted(stage: Stage) -> tuple[ProjectHandle, str]:
    """One small training from the command line, and what it said."""
    files = [str(stage.folder / name) for name in ("tiny.keras", "x.npy", "y.npy")]
    settings = ["--k", "4", "--epochs", "3", "--batch-size", "16", "--validation-fraction", "0.25", "--consent"]
    done = subprocess.run(
        [sys.executable, "-m", "requestor.cli", "submit", *files, *settings, "--watch"], capture_output=True, text=True,
        timeout=200, check=False, env={**os.environ, "DAIG_URL": stage.address, "DAIG_TOKEN": stage.token},
    )  # fmt: skip
    assert done.returncode == OK, done.stdout + done.stderr
    assert stage.token not in done.stdout + done.stderr
    found = re.search(r"Project (\d+) is submitted", done.stdout)
    assert found, done.stdout
    return stage.grid.project(int(found.group(1))), done.stdout


@pytest.fixture(scope="module")
def trained(submitted: tuple[ProjectHandle, str]) -> ProjectHandle:
    return submitted[0]


# The file that was uploaded had an optimizer that had not begun yet.
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_a_training_is_submitted_watched_and_downloaded_by_command(
    known: Stage, submitted: tuple[ProjectHandle, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    project, told = submitted
    assert re.search(r"round \d+, [\d.]+ %, loss \d", told), told
    assert "Finished" in told
    number = str(project.number)
    assert main(["status", number, "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["state"] == "finished"
    assert main(["list"]) == OK
    assert re.search(rf"{number}\s+finished\s+100.0 %\s+tiny", capsys.readouterr().out)
    assert main(["download", number, "-o", str(tmp_path / "trained.keras")]) == OK
    import keras

    accuracy = keras.models.load_model(tmp_path / "trained.keras").evaluate(known.x, known.y, verbose=0)[1]
    assert accuracy > 0.9
    assert main(["pause", number]) == FAILED
    assert "finished" in capsys.readouterr().err


def test_fit_gives_a_history_as_keras_does_and_the_trained_weights(
    stage: Stage, known: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny()
    before = model.evaluate(stage.x, stage.y, verbose=0)
    held_out = (stage.x[:32], stage.y[:32])
    history = stage.grid.fit(
        model, stage.x, stage.y, epochs=3, batch_size=16, k=4, validation_data=held_out, consent=True, verbose=0
    )
    after = model.evaluate(stage.x, stage.y, verbose=0)
    assert after[0] < before[0] / 2
    assert history.model is model
    assert history.epoch == [0, 1, 2]
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == 3 for values in history.history.values())
    assert history.history["loss"][2] < history.history["loss"][0]
    assert history.params["epochs"] == 3
    # What the grid measured with the last weights is what this machine measures with the weights that came back.
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(*held_out, verbose=0)[0], rel=1e-3)
    assert main(["delete", str(history.project)]) == FAILED
    assert main(["delete", str(history.project), "--yes"]) == OK
    assert main(["status", str(history.project)]) == FAILED
    assert "no such project" in capsys.readouterr().err


def test_a_history_is_the_weighted_mean_of_each_epochs_rounds(stage: Stage, trained: ProjectHandle) -> None:
    rounds = list(trained.rounds())
    history = trained.history()
    assert [each.number for each in rounds] == list(range(len(rounds)))
    for epoch in history.epoch:
        own = [each for each in rounds if each.epoch == epoch]
        weights = [each.examples for each in own]
        assert history.history["loss"][epoch] == pytest.approx(np.average([e.loss for e in own], weights=weights))
    assert any("Finished" in event.sentence or "finished" in event.sentence for event in trained.events())


def test_the_best_model_comes_home_whole_and_alone(trained: ProjectHandle, tmp_path: Path) -> None:
    path = trained.download(tmp_path, which="best")
    assert path.name.endswith(".keras")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    history = json.loads(trained.save("history", tmp_path).read_bytes())
    assert len(history["rounds"]) == trained.status().round
    assert json.loads(trained.save("recipe", tmp_path).read_bytes())["project"]
    assert trained.save("preprocessing", tmp_path).name == f"project-{trained.number}-preprocessing.json"


def test_a_clone_begins_with_other_settings(
    known: Stage, trained: ProjectHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clone", str(trained.number), "--trained", "--epochs", "7"]) == OK
    found = re.search(r"Project (\d+) is submitted", capsys.readouterr().out)
    assert found
    clone = known.grid.project(int(found.group(1)))
    about = clone.status()
    assert (about.epochs, about.k, about.origin) == (7, 4, trained.number)
    clone.delete()
    with pytest.raises(NeedsCorrection) as caught:
        trained.clone(epochs=0)
    assert [problem.field for problem in caught.value.problems] == ["epochs"]


def test_an_upload_goes_on_over_a_line_that_breaks(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PAUSE_SECONDS", 1)
    monkeypatch.setattr(uploads, "PART", 2**20)
    path = tmp_path / "large.npy"
    path.write_bytes(np.random.default_rng(3).bytes(3 * 2**20 + 17))
    parts = urlsplit(stage.address)
    told: list[int] = []
    with BrokenLine((parts.hostname or "", parts.port or 0), [2**19, 5 * 2**19]) as line:
        name = Uploads(Transport(line.address, stage.token)).send(path, told.append)
        assert line.happened == 2
    assert sum(told) == path.stat().st_size
    answer = requests.get(
        f"{stage.address}{PREFIX}/uploads", headers={"Authorization": f"Bearer {stage.token}"}, timeout=9
    )
    (there,) = [one for one in answer.json()["uploads"] if one["name"] == name]
    assert (there["is_whole"], there["sha256"]) == (True, sha256_of(path))


def test_mistakes_are_named_field_by_field_and_nothing_stays(
    known: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = known.folder
    arguments = ["submit", str(known.model_file), str(folder / "x.npy"), str(folder / "short.npy"), "--consent"]
    assert main(arguments) == NEEDS_CORRECTION
    said = capsys.readouterr().err
    assert re.search(r"^daig: labels: .*249", said, re.MULTILINE), said
    files = {"model": known.model_file, "data": folder / "x.npy", "labels": folder / "y.npy"}
    with pytest.raises(NeedsCorrection) as caught:
        known.grid.submit(files, consent=True, quiet=True, epochs=0, k="many")
    assert {problem.field for problem in caught.value.problems} == {"epochs", "k"}
    token = {"Authorization": f"Bearer {known.token}"}
    drafts = requests.get(f"{known.address}{PREFIX}/drafts", headers=token, timeout=9)
    assert drafts.json() == {"drafts": []}


def test_without_consent_nothing_is_sent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(NoConsent):
        stage.grid.fit(stage.model_file, stage.x, stage.y)
    with pytest.raises(NoConsent):
        stage.grid.fit(stage.model_file, stage.x, stage.y, consent=False)


def test_a_token_is_taken_from_standard_input_and_kept_where_only_its_owner_reads(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("DAIG_URL", "DAIG_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{stage.token}\n"))
    assert main(["login", stage.address + "/"]) == OK
    said = capsys.readouterr()
    assert "You are owner" in said.out
    assert stage.token not in said.out + said.err
    (kept,) = tmp_path.rglob("login.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert main(["list"]) == OK
    assert main(["logout"]) == OK
    capsys.readouterr()
    assert main(["list"]) == FAILED
    assert "daig login" in capsys.readouterr().err


def test_a_wrong_token_and_a_silent_grid_are_said_in_words(
    known: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAIG_TOKEN", "daigtoken_nobody")
    assert main(["list"]) == FAILED
    assert "account page" in capsys.readouterr().err
    monkeypatch.setattr("requestor.transport.PAUSES", ())
    monkeypatch.setenv("DAIG_URL", "http://127.0.0.1:9")
    assert main(["list"]) == UNREACHABLE
    assert "cannot be reached" in capsys.readouterr().err
    with pytest.raises(Unreachable):
        Grid("grid.example.org", "daigtoken_x")
    with pytest.raises(Refused) as caught:
        known.grid.project(10**6).status()
    assert (caught.value.status, caught.value.code) == (404, "no_such_thing")
