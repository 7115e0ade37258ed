import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.domain import blob_collector
from server.rules.states import ProjectState
from server.storage.tables import Checkpoint
from tests.support.domain_grid import Cast, DomainGrid


def train(grid: DomainGrid, host: Cast, rounds: int) -> None:
    for _ in range(rounds):
        host.deliver(host.lease())
        grid.rounds()


def collect(grid: DomainGrid) -> None:
    for _ in range(10):
        if not grid.collector.run_pass(grid.now):
            return
    raise AssertionError("the collector finds something to do for ever")


def make_old(path: Path) -> None:
    past = time.time() - 2 * blob_collector.YOUNG_SECONDS
    os.utime(path, (past, past))


def test_the_last_three_epoch_ends_the_best_and_the_first_weights_are_kept(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner, examples=24, k=1, epochs=3)
    train(grid, steady, 8)
    Checkpoint.update(validation_loss=0.5).where(Checkpoint.round == 2).execute()
    Checkpoint.update(validation_loss=0.4).where(Checkpoint.round == 3).execute()
    train(grid, steady, 6)
    dropped = [c.weights_sha256 for c in grid.stores.checkpoints.of_project(project) if c.round == 5]
    dropped += [c.optimizer_sha256 for c in grid.stores.checkpoints.of_project(project) if 0 < c.round < 13]
    collect(grid)
    kept = {c.round for c in grid.stores.checkpoints.of_project(project) if c.weights_sha256}
    assert kept == {0, 3, 6, 12, 13, 14}
    assert not any(grid.stores.blobs.has(name) for name in dropped)
    optimizers = {c.round for c in grid.stores.checkpoints.of_project(project) if c.optimizer_sha256}
    assert optimizers == {13, 14}
    assert grid.audit.findings(grid.now) == []


def test_gradients_are_kept_for_ten_rounds(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=200, k=1, epochs=1)
    train(grid, steady, 13)
    collect(grid)
    kept = [
        unit.round
        for number in range(13)
        for unit in grid.stores.work.units_of_round(project, number)
        for result in grid.stores.work.results_of(unit.id)
        if result.gradient_sha256 and grid.stores.blobs.has(result.gradient_sha256)
    ]
    assert kept == list(range(3, 13))


def test_collecting_while_training_goes_on_takes_nothing_that_is_needed(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner, examples=40, k=2, epochs=3)
    while grid.row(project).state is ProjectState.running:
        train(grid, steady, 1)
        collect(grid)
    assert grid.audit.findings(grid.now) == []
    assert grid.results.download(owner, project, "latest", "own", grid.now).path.is_file()


def test_a_blob_that_two_projects_name_lives_until_both_are_gone(grid: DomainGrid, owner: int) -> None:
    first, second = grid.project(owner), grid.project(owner)
    shard = grid.stores.projects.shards(first)[0].sha256
    assert shard == grid.stores.projects.shards(second)[0].sha256
    grid.projects.delete(owner, first, grid.now)
    assert grid.stores.blobs.has(shard)
    grid.projects.delete(owner, second, grid.now)
    assert list(grid.stores.blobs.names()) == []


def test_young_blobs_that_nothing_names_yet_are_left_alone_and_old_ones_are_not(grid: DomainGrid) -> None:
    young, old = grid.stores.blobs.put(b"about to be named"), grid.stores.blobs.put(b"nobody named it")
    make_old(grid.stores.blobs.path(old))
    collect(grid)
    assert list(grid.stores.blobs.names()) == [young]


def test_what_killed_processes_left_is_swept(grid: DomainGrid, owner: int) -> None:
    file, folder = grid.stores.blobs.incoming / "torn", grid.stores.blobs.incoming / "tmp12345"
    upload, outgoing = grid.drafts.incoming_folder / "abandoned", grid.folder / "outgoing" / "x.h5"
    draft, waiting = grid.folder / "drafts" / "999", grid.drafts.start(owner, {}, [], grid.now)
    kept = grid.folder / "drafts" / str(waiting)
    for path in (folder, draft, outgoing.parent, kept):
        path.mkdir(parents=True, exist_ok=True)
    for path in (file, folder / "weights", upload, outgoing, draft / "model"):
        path.write_bytes(b"x")
    for path in (file, upload, outgoing):
        collect(grid)
        assert path.exists()
        make_old(path)
    for path in (folder, draft, kept):
        make_old(path)
    collect(grid)
    assert not any(path.exists() for path in (file, folder, upload, outgoing, draft))
    assert kept.exists()


def test_a_blob_that_is_let_go_while_another_is_about_to_name_it_is_not_lost(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same data again, while the first project is deleted: the new one is prepared once more."""
    first = grid.project(owner)
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    second = grid.drafts.submit(owner, draft, grid.now)
    put = grid.stores.blobs.put

    def delete_meanwhile(data: bytes) -> str:
        sha256 = put(data)
        monkeypatch.undo()
        grid.projects.delete(owner, first, grid.now)
        return sha256

    monkeypatch.setattr(grid.stores.blobs, "put", delete_meanwhile)
    grid.preparer.run_pass(grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(second).state is ProjectState.running
    assert grid.audit.findings(grid.now) == []


def test_the_audit_of_a_grid_at_work_finds_no_fault_with_what_the_collector_takes_meanwhile(
    grid: DomainGrid, owner: int, steady: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.project(owner, examples=200, k=1, epochs=1)
    train(grid, steady, 13)
    of_project = grid.stores.references.of_project

    def collect_meanwhile(project_id: int) -> set[str]:
        names = of_project(project_id)
        monkeypatch.undo()
        # From another process: here, a thread with a connection of its own.
        with ThreadPoolExecutor(1) as other:
            other.submit(collect, grid).result()
        return names

    monkeypatch.setattr(type(grid.stores.references), "of_project", lambda _, number: collect_meanwhile(number))
    assert grid.audit.findings(grid.now) == []


def test_a_kill_while_collecting_never_leaves_a_row_that_names_a_deleted_blob(
    grid: DomainGrid, owner: int, steady: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.project(owner, examples=200, k=1, epochs=1)
    train(grid, steady, 13)
    delete = grid.stores.blobs.delete

    def delete_and_die(sha256: str) -> None:
        delete(sha256)
        raise KeyboardInterrupt

    for _ in range(5):
        monkeypatch.setattr(type(grid.stores.blobs), "delete", lambda _, sha256: delete_and_die(sha256))
        with pytest.raises(KeyboardInterrupt):
            grid.collector.run_pass(grid.now)
        monkeypatch.undo()
        assert grid.audit.findings(grid.now) == []
