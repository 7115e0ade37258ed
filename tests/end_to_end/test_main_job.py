"""The main job as a newcomer does it, without a browser: sign up, form with mistakes, training, download, deletion."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from bs4 import BeautifulSoup

from tests.support.cast import Cast
from tests.support.digits import digits, save, small_cnn
from tests.support.grid import wait_for
from tests.support.ledger import Ledger
from tests.support.person import Person
from tests.support.processes import has_loaded

EPOCHS, K, BATCH = 10, 4, 16


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with Cast(tmp_path_factory.mktemp("main-job")) as everyone:
        yield everyone


@pytest.fixture(scope="module")
def files(stage: Cast) -> dict[str, Path]:
    (x, y), _ = digits()
    found = save(stage.folder / "files", x, y)
    found["model"] = stage.folder / "digits.h5"
    small_cnn(rate=0.003).save(found["model"])
    return found


def _beside(person: Person, draft: int) -> dict[str, str]:
    """Field -> what stands beside it on the draft's page, tied to its control."""
    page = BeautifulSoup(person.get(f"/drafts/{draft}").text, "html.parser")
    found = {}
    for control in page.select("form [aria-invalid=true]"):
        name = control["name"]
        assert f"{name}-problem" in control["aria-describedby"].split()
        found[name] = page.find(id=f"{name}-problem").get_text()
    assert len(page.select("form .problem")) == len(found)
    return found


def _uploads(ledger: Ledger, draft: int) -> dict[str, str]:
    return dict(ledger.rows("SELECT field, path FROM upload WHERE draft_id = ?", draft))


def test_ten_mistakes_are_named_beside_their_fields_and_nothing_is_uploaded_twice(
    stage: Cast, files: dict[str, Path]
) -> None:
    person, ledger = Person(stage.grid.address, "newcomer").sign_up(), Ledger(stage.grid.data)
    (x, y), _ = digits()
    wrong = stage.folder / "wrong"
    holed = x.copy()
    holed[17, 3, 3, 0] = np.nan
    odd = {**save(wrong, holed, y[:-7]), "model": wrong / "model.h5"}
    odd["model"].write_bytes(b"This was a model before somebody saved a text over it.")
    mistaken = {
        "name": "", "epochs": "0", "k": "many", "batch_size": "-3", "learning_rate": "fast",
        "validation_fraction": "2", "consent": "",
    }  # fmt: skip
    draft = person.draft(odd, mistaken)
    assert person.checked(draft)["state"] == "needs_correction"
    beside = _beside(person, draft)
    assert set(beside) == {*mistaken, "model"}, beside
    uploaded = _uploads(ledger, draft)
    assert set(uploaded) == {"model", "data", "labels"}

    # Eight are corrected, one file is sent; the checks come further and find two more.
    checked = person.correct(draft, {"model": files["model"]})
    beside = _beside(person, draft)
    assert set(beside) == {"data", "labels"}, checked
    assert "NaN" in beside["data"] or "not finite" in beside["data"] or "not a number" in beside["data"]
    assert "1,430" in beside["labels"]
    assert "1,437" in beside["labels"]
    again = _uploads(ledger, draft)
    assert again["model"] != uploaded["model"]
    assert {field: again[field] for field in ("data", "labels")} == {
        field: uploaded[field] for field in ("data", "labels")
    }
    page = person.get(f"/drafts/{draft}").text
    assert page.count(", kept; choose another file") == 3

    # An object array is refused without being unpickled; a label that the model has no output for is named.
    np.save(wrong / "objects.npy", np.array([{"a": 1}, None], object), allow_pickle=True)
    person.correct(draft, {"data": wrong / "objects.npy", "labels": files["labels"]})
    assert set(_beside(person, draft)) == {"data"}
    y_wrong = y.copy()
    y_wrong[5] = 10
    np.save(wrong / "y-wrong.npy", y_wrong)
    person.correct(draft, {"data": files["data"], "labels": wrong / "y-wrong.npy"})
    beside = _beside(person, draft)
    assert set(beside) == {"labels"}
    assert "10" in beside["labels"]
    assert person.correct(draft, {"labels": files["labels"]})["state"] == "ready"
    assert ledger.one("SELECT COUNT(*) FROM project") == 0, "nothing is queued before everything is right"
    person.submit(f"/drafts/{draft}/discard", {}, page=f"/drafts/{draft}")
    assert person.get(f"/drafts/{draft}").status_code == 404
    assert not (stage.grid.data / "drafts" / str(draft)).exists()


def _require_nothing_for_a_stranger(stage: Cast, project: int) -> None:
    stranger = Person(stage.grid.address, "stranger").sign_up()
    nobody = Person(stage.grid.address, "nobody")
    for path in ("", ".json", "/model", "/history.csv", "/cancel", "/delete"):
        assert stranger.get(f"/projects/{project}{path}").status_code == 404, path
        answer = nobody.get(f"/projects/{project}{path}")
        assert answer.status_code == 401 or "/log-in" in answer.url, path
    for verb in ("pause", "resume", "cancel", "delete"):
        answer = stranger.submit(f"/projects/{project}/{verb}", {}, page="/account")
        assert answer.status_code == 404, verb
    for path in ("", ".json"):
        assert stranger.get(f"/drafts/1{path}").status_code == 404
    assert stranger.submit("/drafts/1/start", {}, page="/account").status_code == 404


def _require_tensorflow_only_where_it_belongs(stage: Cast) -> None:
    hosts = [psutil.Process(host.process.pid) for host in stage.hosts.values()]
    children = [host.child() for host in stage.hosts.values()]
    found = {}
    for one in [psutil.Process(stage.grid.process.pid), *stage.grid.processes(), *hosts, *children]:
        if one is not None and one.is_running():
            found[" ".join(one.cmdline())] = has_loaded(one, "libtensorflow")
    heavy = {words for words, loaded in found.items() if loaded}
    assert len(found) >= 6, found
    assert heavy, "the trainer and the learner have it"
    assert all("server.learning.child" in words or "volunteer.trainer.child" in words for words in heavy), heavy


def _loaded(file: Path) -> Any:
    import keras

    return keras.models.load_model(file)


def _accuracy(model: Any) -> float:
    _, (x, y) = digits()
    return float((model.predict(x, verbose=0).argmax(1) == y).mean())


def _require_history(owner: Person, project: int) -> None:
    # The last weights are measured after the project is finished, off its path.
    wait_for(lambda: owner.view(project)["rounds"][-1]["validation_loss"] is not None, 60)
    answer = owner.get(f"/projects/{project}/history.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == owner.view(project)["round"]
    assert [int(row["round"]) for row in rows] == list(range(len(rows)))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert 0 <= float(rows[-1]["accuracy"]) <= 1
    assert float(rows[-1]["validation_loss"]) > 0


def _require_other_results(owner: Person, project: int, file: Path, folder: Path) -> None:
    """What was converted is the same model, and history and recipe say what the training did."""
    import numpy as np

    x = digits()[1][0]
    converted = _loaded(owner.download(project, folder, "?format=keras"))
    same = _loaded(file).predict(x, verbose=0)
    np.testing.assert_allclose(converted.predict(x, verbose=0), same, atol=1e-6)
    assert [layer.name for layer in converted.layers] == [layer.name for layer in _loaded(file).layers]
    assert owner.download(project, folder, "?which=best&format=savedmodel").stat().st_size > 10_000
    with zipfile.ZipFile(io.BytesIO(owner.get(f"/projects/{project}/tensorboard.zip").content)) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"train", "validation"}
    recipe = owner.get(f"/projects/{project}/recipe.json").json()
    used = [(one["epoch"], number) for one in recipe["rounds"] for unit in one["units"] for number in unit]
    mini_batches = owner.view(project)["mini_batches_per_epoch"]
    assert sorted(used) == [(epoch, number) for epoch in range(EPOCHS) for number in range(mini_batches)]


def _require_deletion(stage: Cast, project: int) -> None:
    """Rows and blobs go, and hosts drop their copies."""
    ledger = Ledger(stage.grid.data)
    blobs = stage.grid.data / "blobs"
    caches = [host.home / "cache" for host in stage.hosts.values()]
    names = {path.name for path in blobs.rglob("*") if path.is_file()}
    assert len(names) > 5
    assert any(path.name in names for cache in caches for path in cache.rglob("*"))
    stage.owner.act(project, "delete")
    assert stage.owner.get(f"/projects/{project}").status_code == 404
    assert [path for path in blobs.rglob("*") if path.is_file() and path.name in names] == []
    for table in ("round", "unit", "result", "shard", "checkpoint", "mini_batch_use", "event"):
        assert ledger.one(f'SELECT COUNT(*) FROM "{table}" WHERE project_id = ?', project) == 0, table
    # A host is told once a minute what it need not keep, when it asks for work, which it does every ten seconds.
    wait_for(
        lambda: not any(path.name in names for cache in caches for path in cache.rglob("*")), 100, stage.explain
    )


def test_a_newcomers_project_is_trained_paused_downloaded_and_deleted(
    stage: Cast, files: dict[str, Path], tmp_path: Path
) -> None:
    owner, ledger = stage.owner, Ledger(stage.grid.data)
    form = {"epochs": str(EPOCHS), "k": str(K), "batch_size": str(BATCH)}
    project = owner.project(files, form)
    stage.host("steady", "--cpu-percent", "60")
    stage.host("slow", "--cpu-percent", "20")
    ledger.wait_for_rounds(project, 40, 120, stage.explain)
    owner.act(project, "pause")
    _require_tensorflow_only_where_it_belongs(stage)
    assert owner.view(project)["state"] == "paused"
    wait_for(lambda: ledger.one("SELECT COUNT(*) FROM result WHERE state IN ('leased', 'reported')") == 0, 40)
    closed = ledger.closed_rounds(project)
    half = _loaded(owner.download(project, tmp_path))
    _require_nothing_for_a_stranger(stage, project)
    # At most the round whose step was being taken when it was paused.
    assert ledger.closed_rounds(project) <= closed + 1, "a paused project goes on"
    owner.act(project, "resume")
    stage.finished(project, 200)
    ledger.require_each_mini_batch_once_an_epoch(project, EPOCHS)
    file = owner.download(project, tmp_path)
    assert (file.suffix, file.name.startswith("digits-round-")) == (".h5", True)
    trained = _loaded(file)
    before, middle, after = (_accuracy(model) for model in (small_cnn(), half, trained))
    print(f"accuracy on held-out digits: {before:.3f} at first, {middle:.3f} when paused, {after:.3f} at the end")
    assert before < 0.5 < 0.9 < after
    assert trained.optimizer is not None, "the file is compiled as it was"
    _require_history(owner, project)
    _require_other_results(owner, project, file, tmp_path)
    stage.audit()
    replayed = stage.grid.command("replay", str(project))
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    print(replayed.stdout.splitlines()[-1])
    assert f"{owner.view(project)['round']} rounds recomputed" in replayed.stdout
    assert float(replayed.stdout.rsplit(" ", 1)[1].rstrip(".\n")) < 1e-4
    _require_deletion(stage, project)
