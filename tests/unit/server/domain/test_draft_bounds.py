"""What drafts may hold, and for how long."""

from pathlib import Path

import pytest

from server.domain.draft_checker import DraftChecker
from server.domain.draft_collector import KEPT_DAYS, DraftCollector
from server.domain.drafts import Drafts
from server.errors import NotAcceptable, NotFound
from server.rules.intake_values import DataReading, DataRequest
from server.rules.quotas import UploadBounds, refusal
from server.rules.states import DraftState, ProjectState
from server.storage.tables import Upload
from tests.support.domain_grid import DomainGrid

DAY = 24 * 3600


def bounded(grid: DomainGrid, account_bytes: int = 2**40, free_bytes: int = 0) -> Drafts:
    grid.drafts = Drafts(grid.stores, grid.rings.append, UploadBounds(account_bytes, free_bytes))
    return grid.drafts


def test_an_account_holds_so_many_bytes_over_all_its_drafts(grid: DomainGrid, owner: int, stranger: int) -> None:
    # The three files of a draft have two letters each.
    drafts = bounded(grid, account_bytes=12)
    first, _ = (drafts.start(owner, grid.form(), grid.files(10, 40), grid.now) for _ in range(2))
    more = grid.files(10, 40)
    before = grid.dump()
    with pytest.raises(NotAcceptable, match="your drafts and uploads hold") as caught:
        drafts.start(owner, grid.form(), more, grid.now)
    assert caught.value.field == "model"
    assert grid.dump() == before
    assert all(file.path.exists() for file in more), "nothing was taken over"
    drafts.start(stranger, grid.form(), grid.files(10, 40), grid.now)
    drafts.change(owner, first, grid.form(), more, grid.now)
    drafts.change(owner, first, grid.form(k=1), [], grid.now)
    with pytest.raises(NotAcceptable):
        drafts.change(owner, first, grid.form(), grid.files(1000, 40)[:1], grid.now)
    drafts.discard(owner, first, grid.now)
    drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)


def test_what_has_become_a_project_does_not_count(grid: DomainGrid, owner: int) -> None:
    drafts = bounded(grid, account_bytes=6)
    grid.project(owner)
    drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)


def test_a_disk_that_is_nearly_full_takes_no_uploads_but_takes_texts(grid: DomainGrid, owner: int) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    drafts = bounded(grid, free_bytes=2**62)
    with pytest.raises(NotAcceptable, match="disk is nearly full"):
        drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    drafts.change(owner, draft, grid.form(k=1), [], grid.now)


def test_the_bounds_are_met_exactly() -> None:
    bounds = UploadBounds(100, 10)
    assert refusal(40, 60, 10, bounds) is None
    assert refusal(41, 60, 10, bounds) is not None
    assert refusal(40, 60, 9, bounds) is not None


def test_a_draft_that_nobody_came_back_to_expires_with_its_files(grid: DomainGrid, owner: int) -> None:
    collector = DraftCollector(grid.stores)
    old = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.wait((KEPT_DAYS - 1) * DAY)
    young = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    assert collector.run_pass(grid.now) == 0
    grid.wait(1.5 * DAY)
    assert collector.run_pass(grid.now) == 1
    assert collector.run_pass(grid.now) == 0
    with pytest.raises(NotFound):
        grid.drafts.view(owner, old)
    assert [path.name for path in (grid.folder / "drafts").iterdir()] == [str(young)]
    assert grid.stores.drafts.uploaded_bytes(owner) == 6


def test_a_project_outlives_its_draft(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    grid.wait(40 * DAY)
    DraftCollector(grid.stores).run_pass(grid.now)
    assert grid.row(project).state is ProjectState.running


@pytest.mark.parametrize(("end", "spent"), [("cancel", True), ("prepare", True), ("wait", False), ("fail", False)])
def test_uploads_go_when_their_project_will_not_be_prepared_any_more(
    grid: DomainGrid, owner: int, end: str, spent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    folder = grid.folder / "drafts" / str(draft)
    if end == "cancel":
        grid.projects.cancel(owner, project, grid.now)
    elif end == "prepare":
        # As when it is killed between the transaction and the deletion.
        grid.preparer.run_pass(grid.now)
        folder.mkdir()
        assert grid.row(project).state is ProjectState.running
    elif end == "fail":
        monkeypatch.setattr(grid.intake, "cut", lambda request: 1 / 0)
        grid.preparer.run_pass(grid.now)
        monkeypatch.undo()
        assert grid.row(project).state is ProjectState.needs_attention
    assert folder.exists()
    assert DraftCollector(grid.stores).run_pass(grid.now) == spent
    assert folder.exists() == (not spent)
    assert Upload.select().count() == (0 if spent else 3)
    if end == "fail":
        grid.projects.resume(owner, project, grid.now)
        grid.preparer.run_pass(grid.now)
        assert grid.row(project).state is ProjectState.running
    assert grid.stores.drafts.owned(owner, draft).state is DraftState.submitted


def test_a_check_is_told_how_much_the_account_may_still_hold(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int | None] = []
    look = grid.intake.check_data

    def listen(request: DataRequest) -> DataReading:
        told.append(request.room)
        Path(request.folder).mkdir(parents=True, exist_ok=True)
        (Path(request.folder) / "converted.npy").write_bytes(b"0" * 500)
        return look(request)

    monkeypatch.setattr(grid.intake, "check_data", listen)
    checker = DraftChecker(grid.stores, grid.intake, grid.learner, UploadBounds(1_000, 0))
    for _ in range(3):
        grid.drafts.start(owner, grid.form(), grid.files(10, 10), grid.now)
    assert checker.run_pass(grid.now) == 3
    # The nine files of the drafts have two letters each.
    assert told[0] == 1_000 - 18
    assert told[1] is not None
    assert told[1] <= 1_000 - 18 - 500
    assert told[2] == 0
