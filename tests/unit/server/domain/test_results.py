"""What owners take home: which weights, which kinds, written once, for nobody else."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.domain import history, ready_files
from server.domain.results import Results
from server.errors import Busy, NotAcceptable, NotAllowedNow, NotFound, NotWritten
from server.rules.learning_values import LearnerFailed
from server.storage.tables import Project
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.digests import sha256_of
from volunteer.protocol.tensors import load


def train(grid: DomainGrid, host: Cast, rounds: int) -> None:
    for _ in range(rounds):
        lease = host.lease()
        grid.wait(1)
        host.deliver(lease)
        grid.rounds()


def measure(grid: DomainGrid) -> None:
    while grid.evaluator.run_pass(grid.now):
        pass


def take(grid: DomainGrid, owner: int, project: int, which: str = "latest", kind: str = "own") -> Path:
    return grid.results.download(owner, project, which, kind, grid.now).path


def test_a_project_has_no_results_for_anybody_but_its_owner(
    grid: DomainGrid, owner: int, stranger: int, operator: int
) -> None:
    project, results = grid.project(owner), grid.results
    for other in (stranger, operator):
        asks: dict[Any, tuple[Any, ...]] = {
            results.view: (), results.download: ("latest", "own", grid.now), results.history: (),
            results.recipe: (grid.now,), results.tensorboard: (grid.now,), results.preprocessing: (),
        }  # fmt: skip
        for ask, more in asks.items():
            with pytest.raises(NotFound, match="There is no such project"):
                ask(other, project, *more)
    assert not (grid.folder / "outgoing").exists()


def test_the_newest_weights_can_be_downloaded_at_any_time(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner)
    assert take(grid, owner, project).is_file()
    train(grid, steady, 2)
    download = grid.results.download(owner, project, "latest", "own", grid.now)
    assert download.filename == "model-round-2.h5"
    checkpoint = grid.stores.checkpoints.latest(project)
    assert checkpoint is not None
    expected = load(grid.stores.blobs.path(checkpoint.weights_sha256))[0]["trainable"]
    assert (load(download.path)[0]["trainable"] == expected).all()
    request = grid.intake.written[-1]
    assert request.sources == ("d/kernel:0",)
    assert request.original == str(grid.stores.blobs.path(grid.row(project).source_sha256))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("keras", "model-round-1.keras"),
        ("h5", "model-round-1-converted.h5"),
        ("weights", "model-round-1.weights.h5"),
        ("savedmodel", "model-round-1-savedmodel.zip"),
    ],
)
def test_every_kind_is_written_from_the_checkpoint_with_its_optimizer(
    grid: DomainGrid, owner: int, steady: Cast, kind: str, name: str
) -> None:
    project = grid.project(owner)
    train(grid, steady, 1)
    download = grid.results.download(owner, project, "latest", kind, grid.now)
    checkpoint = grid.stores.checkpoints.latest(project)
    assert checkpoint is not None
    assert download.filename == name
    assert sha256_of([download.path.read_bytes()]) == checkpoint.weights_sha256
    (request,) = grid.exporter.exported
    assert request.kind == kind
    assert request.optimizer == str(grid.stores.blobs.path(checkpoint.optimizer_sha256))
    assert take(grid, owner, project, "0", kind).is_file()
    assert grid.exporter.exported[-1].optimizer is None


def test_the_best_weights_are_those_with_the_least_validation_loss(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner, examples=50, k=3, validation_fraction=0.2)
    with pytest.raises(NotAllowedNow, match="Nothing has been measured"):
        take(grid, owner, project, "best")
    # The tiny learner's loss grows from epoch to epoch: the first one's end is the best.
    train(grid, steady, 8)
    measure(grid)
    view = grid.results.view(owner, project)
    assert view.best is not None
    assert view.latest is not None
    assert (view.best.round, view.latest.round) == (4, 8)
    assert (view.best.epoch, view.latest.epoch) == (1, 2)
    name = grid.results.download(owner, project, "best", "own", grid.now).filename
    assert name == "model-round-4.h5"


def test_any_kept_round_can_be_had_and_no_other(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, epochs=4)
    train(grid, steady, 7)
    grid.collector.run_pass(grid.now)
    kept = [one.round for one in grid.results.view(owner, project).kept]
    assert kept == [7, 6, 5, 4, 0]
    for number in kept:
        download = grid.results.download(owner, project, str(number), "keras", grid.now)
        assert download.filename == f"model-round-{number}.keras"
    for number in ("3", "8"):
        with pytest.raises(NotFound, match=f"The weights of round {number} are not kept"):
            take(grid, owner, project, number)


@pytest.mark.parametrize(
    ("which", "kind", "field"),
    [("latest", "onnx", "format"), ("", "own", "which"), ("-1", "own", "which"), ("²", "own", "which")],
)
def test_what_does_not_exist_is_named_with_its_field(
    grid: DomainGrid, owner: int, which: str, kind: str, field: str
) -> None:
    project = grid.project(owner)
    with pytest.raises(NotAcceptable) as refusal:
        take(grid, owner, project, which, kind)
    assert refusal.value.field == field


def test_a_model_is_written_once_for_each_round_and_the_old_file_goes(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner)
    first = take(grid, owner, project)
    assert take(grid, owner, project) == first
    assert len(grid.intake.written) == 1
    other_kind = take(grid, owner, project, kind="keras")
    train(grid, steady, 1)
    second = take(grid, owner, project)
    assert first.exists(), "somebody may be about to open it"
    os.utime(first, (0, 0))
    train(grid, steady, 1)
    third = take(grid, owner, project)
    assert sorted(first.parent.iterdir()) == sorted([second, third, other_kind])
    grid.projects.delete(owner, project, grid.now)
    assert list(first.parent.iterdir()) == []


@pytest.mark.parametrize(("kind", "places", "count"), [("own", "_writing", 2), ("keras", "_converting", 1)])
def test_few_are_written_at_once_and_those_that_are_ready_are_had_all_the_same(
    grid: DomainGrid, owner: int, kind: str, places: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready_files, "PATIENCE_SECONDS", 0.01)
    ready, other = grid.project(owner), grid.project(owner)
    take(grid, owner, ready, kind=kind)
    semaphore: Any = getattr(grid.results, places)._places
    for _ in range(count):
        assert semaphore.acquire(blocking=False)
    assert take(grid, owner, ready, kind=kind).is_file()
    with pytest.raises(Busy):
        take(grid, owner, other, kind=kind)
    semaphore.release()
    assert take(grid, owner, other, kind=kind).is_file()


def test_who_waits_for_a_file_that_another_is_having_written_gets_that_file(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go_on.wait(10)

    grid.exporter.before_export = hold
    with ThreadPoolExecutor(6) as people:
        first = people.submit(take, grid, owner, project, kind="keras")
        assert begun.wait(10)
        others = [people.submit(take, grid, owner, project, kind="keras") for _ in range(ready_files.WAITING + 1)]
        turned_away = next(as_completed(others, 10))
        assert isinstance(turned_away.exception(), Busy)
        go_on.set()
        files = {one.result(10) for one in (first, *others) if one is not turned_away}
    assert len(files) == len(grid.exporter.exported) == 1


def test_nothing_is_written_where_the_disk_is_nearly_full(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    results = Results(grid.stores, grid.plans, grid.intake, grid.exporter, 2**62)
    with pytest.raises(NotWritten, match="disk is nearly full"):
        results.download(owner, project, "latest", "own", grid.now)
    assert grid.intake.written == []


def test_a_conversion_that_fails_says_so_in_plain_words_and_leaves_nothing(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)

    def die() -> None:
        raise LearnerFailed("The learner died (exit code -9).")

    grid.exporter.before_export = die
    with pytest.raises(NotWritten) as failure:
        take(grid, owner, project, kind="keras")
    assert "did not succeed just now" in failure.value.sentence
    assert "exit code" not in failure.value.sentence
    assert list((grid.folder / "outgoing").iterdir()) == []
    grid.exporter.before_export = lambda: None
    assert take(grid, owner, project, kind="keras").is_file()


def test_before_there_are_weights_every_result_says_so(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    view = grid.results.view(owner, project)
    assert (view.kept, view.latest, view.best, view.sample) == ([], None, None, "")
    assert list(grid.results.history(owner, project)) == []
    with pytest.raises(NotAllowedNow, match="no weights yet"):
        take(grid, owner, project)
    with pytest.raises(NotAllowedNow, match="no recipe yet"):
        grid.results.recipe(owner, project, grid.now)
    with pytest.raises(NotAllowedNow, match="No round is closed yet"):
        grid.results.tensorboard(owner, project, grid.now)


def test_the_history_has_a_row_for_each_closed_round(
    grid: DomainGrid, owner: int, steady: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 3)
    project = grid.project(owner, examples=50, k=3, validation_fraction=0.2)
    train(grid, steady, 4)
    measure(grid)
    rows = list(grid.results.history(owner, project))
    assert [row.round for row in rows] == [0, 1, 2, 3]
    assert {row.loss for row in rows} == {0.25}
    assert {row.learning_rate for row in rows} == {0.01}
    assert {row.seconds for row in rows} == {1.0}
    assert sum(row.examples for row in rows) == 40
    assert [row.validation_loss is not None for row in rows] == [False, False, False, True]


def test_tensorboard_gets_the_history_again_when_there_is_more_of_it(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner)
    train(grid, steady, 2)
    first = grid.results.tensorboard(owner, project, grid.now)
    assert first.filename == "model-tensorboard.zip"
    assert len(first.path.read_bytes().splitlines()) == 2
    assert grid.results.tensorboard(owner, project, grid.now).path == first.path
    train(grid, steady, 1)
    assert len(grid.results.tensorboard(owner, project, grid.now).path.read_bytes().splitlines()) == 3
    assert not list((grid.folder / "outgoing").glob("*.rows"))


def test_the_recipe_holds_what_a_replay_goes_by(
    grid: DomainGrid, owner: int, steady: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 3)
    project = grid.project(owner, seed=9)
    train(grid, steady, 8)
    text = b"".join(grid.results.recipe(owner, project, grid.now))
    recipe = json.loads(text)
    row = grid.row(project)
    assert (recipe["seed"], recipe["plan_sha256"]) == (9, row.plan_sha256)
    assert sha256_of([msgspec.json.decode(text, type=dict[str, msgspec.Raw])["plan"]]) == row.plan_sha256
    assert recipe["project"]["settings"]["k"] == 3
    assert {shard["sha256"] for shard in recipe["shards"]} <= set(grid.stores.blobs.names())
    for epoch in (0, 1):
        rounds = [one for one in recipe["rounds"] if one["epoch"] == epoch]
        used = [number for one in rounds for unit in one["units"] for number in unit]
        assert sorted(used) == list(range(10)), "each mini-batch once an epoch"
        assert [one["mini_batches"] for one in rounds] == [3, 3, 3, 1]
        assert {one["averaging"] for one in rounds} == {"mean"}
    kept = {one["round"]: one["weights_sha256"] for one in recipe["checkpoints"]}
    assert grid.stores.blobs.has(kept[8])
    assert {"daig", "numerics", "keras", "numpy"} <= set(recipe["versions"])


def test_the_preprocessing_is_given_as_it_was_recorded(grid: DomainGrid, owner: int) -> None:
    bare, project = grid.project(owner), grid.project(owner)
    recorded = {"version": 1, "labels": {"classes": ["cat", "dog"]}}
    Project.update(preprocessing=recorded).where(Project.id == project).execute()
    assert grid.results.preprocessing(owner, bare) == {}
    assert not grid.results.view(owner, bare).has_preprocessing
    assert grid.results.preprocessing(owner, project) == recorded
    view = grid.results.view(owner, project)
    assert view.has_preprocessing
    assert 'classes = ["cat", "dog"]' in view.sample
