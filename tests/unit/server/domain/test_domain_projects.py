import pytest

from server.errors import NotAllowedNow, NotFound
from server.rules import progress
from server.rules.states import ProjectState
from server.storage.tables import Event, MiniBatchUse, Project, Result, Round, Shard, Unit
from tests.support.domain_grid import Cast, DomainGrid


def train(grid: DomainGrid, host: Cast, rounds: int) -> None:
    for _ in range(rounds):
        lease = host.lease()
        grid.wait(1)
        host.deliver(lease)
        grid.rounds()


@pytest.mark.parametrize("act", ["pause", "resume", "cancel", "delete"])
def test_a_project_does_not_exist_for_a_stranger(grid: DomainGrid, owner: int, stranger: int, act: str) -> None:
    project = grid.project(owner)
    before = grid.dump()
    with pytest.raises(NotFound, match="There is no such project"):
        getattr(grid.projects, act)(stranger, project, grid.now)
    assert grid.dump() == before


def test_a_stranger_sees_nothing_of_a_project(grid: DomainGrid, owner: int, stranger: int, operator: int) -> None:
    project = grid.project(owner)
    for other in (stranger, operator):
        assert grid.views.list_for(other, grid.now) == []
        with pytest.raises(NotFound):
            grid.views.view(other, project, grid.now)
    assert len(grid.views.list_for(owner, grid.now)) == 1


def test_a_project_can_be_paused_resumed_and_cancelled_and_then_no_more(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner)
    train(grid, steady, 1)
    for act, state in (
        (grid.projects.pause, ProjectState.paused),
        (grid.projects.resume, ProjectState.running),
        (grid.projects.cancel, ProjectState.cancelled),
    ):
        act(owner, project, grid.now)
        assert grid.row(project).state is state
    for act in (grid.projects.pause, grid.projects.resume, grid.projects.cancel):
        with pytest.raises(NotAllowedNow, match="is cancelled; that cannot be done now"):
            act(owner, project, grid.now)
    assert grid.results.download(owner, project, "latest", "own", grid.now).filename == "model-round-1.h5"
    assert grid.audit.findings(grid.now) == []


@pytest.mark.parametrize("state", ProjectState)
def test_the_buttons_of_a_project_do_what_they_offer(grid: DomainGrid, owner: int, state: ProjectState) -> None:
    project = grid.project(owner)
    if state is ProjectState.preparing:
        Project.update(plan_sha256="").execute()
    for act in ("pause", "resume", "cancel"):
        Project.update(state=state, epoch=2 if state is ProjectState.finished else 0).execute()
        view = grid.views.view(owner, project, grid.now)
        try:
            getattr(grid.projects, act)(owner, project, grid.now)
        except NotAllowedNow:
            assert not getattr(view, f"can_{act}")
        else:
            assert getattr(view, f"can_{act}")


def test_deleting_a_project_deletes_its_rows_and_its_blobs(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project, other = grid.project(owner), grid.project(owner, seed=1)
    train(grid, steady, 4)
    kept = grid.stores.references.of_project(other)
    grid.projects.delete(owner, project, grid.now)
    assert set(grid.stores.blobs.names()) == kept
    for table in (Event, MiniBatchUse, Result, Round, Shard, Unit):
        assert not [row for row in table.select() if row.project_id == project]
    with pytest.raises(NotFound):
        grid.views.view(owner, project, grid.now)
    assert grid.audit.findings(grid.now) == []


def test_the_number_of_a_deleted_project_is_never_given_again(grid: DomainGrid, owner: int) -> None:
    first = grid.project(owner)
    grid.projects.delete(owner, first, grid.now)
    assert grid.project(owner) > first


def test_before_there_are_weights_a_download_says_so(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    with pytest.raises(NotAllowedNow, match="no weights yet"):
        grid.results.download(owner, project, "latest", "own", grid.now)
    assert grid.views.view(owner, project, grid.now).summary.status == "Cutting the data into shards."


def test_the_project_page_counts_what_the_rows_say(grid: DomainGrid, owner: int, steady: Cast, slow: Cast) -> None:
    project = grid.project(owner, examples=40, k=4)
    train(grid, steady, 1)
    slow.ask()
    view = grid.views.view(owner, project, grid.now)
    assert (view.mini_batches_per_epoch, view.used_in_epoch, view.used_in_round) == (10, 4, 0)
    assert view.hosts_at_work == 1
    assert view.host_seconds == pytest.approx(1)
    assert view.summary.progress == pytest.approx(0.2)
    assert view.summary.status == "Training: 1 host is computing round 1."
    assert [(r.number, r.mini_batches, r.examples) for r in view.rounds] == [(0, 4, 16)]


def test_a_finished_project_says_so(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=8, k=9, epochs=1)
    train(grid, steady, 1)
    view = grid.views.view(owner, project, grid.now)
    assert view.summary.status.startswith("Finished.")
    assert view.summary.progress == 1
    assert [event.sentence for event in view.events][:2] == ["Finished after 1 round.", "Epoch 1 of 1 is complete."]


def test_the_landing_page_counts_the_whole_grid(grid: DomainGrid, owner: int, stranger: int, steady: Cast) -> None:
    grid.project(owner, examples=8, k=9, epochs=1)
    grid.project(stranger)
    train(grid, steady, 1)
    view = grid.grid.view(grid.now)
    assert (view.hosts_online, view.projects_running, view.rounds_closed) == (1, 1, 1)
    assert view.mini_batches_done == 2
    grid.wait(61)
    assert grid.grid.view(grid.now).hosts_online == 0


def test_the_page_of_a_long_project_loads_the_checkpoints_of_the_rounds_it_shows(
    grid: DomainGrid, owner: int, steady: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = grid.project(owner, examples=100, k=1, epochs=1, validation_fraction=0.2)
    for _ in range(6):
        train(grid, steady, 1)
        grid.wait(16)
        assert grid.evaluator.run_pass(grid.now) == 1
    monkeypatch.setattr(progress, "RECENT_ROUNDS", 2)
    monkeypatch.setattr(grid.stores.checkpoints, "of_project", lambda project_id: 1 / 0)
    view = grid.views.view(owner, project, grid.now)
    assert [round_.number for round_ in view.rounds] == [4, 5]
    assert [round_.validation_loss for round_ in view.rounds] == pytest.approx([5 * 4 / 25, 6 * 4 / 25])
    assert view.validation_loss == pytest.approx(6 * 4 / 25)
    assert view.can_download
