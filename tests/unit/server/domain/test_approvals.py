"""A new requestor's project waits for an operator, and nobody but an operator lets it begin."""

from typing import NoReturn

import pytest

from server.domain.approvals import Approvals
from server.domain.operating import Operating
from server.domain.preparer import Preparer
from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules.admission import Admission
from server.rules.states import ProjectState, RoundState
from server.storage.account_tables import Account
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.messages import Lease, NoWork


@pytest.fixture
def approvals(grid: DomainGrid) -> Approvals:
    return Approvals(grid.stores, grid.notices, grid.rings.append)


@pytest.fixture(autouse=True)
def careful(grid: DomainGrid) -> None:
    admission = Admission(approve_new_requestors=True)
    grid.preparer = Preparer(grid.stores, grid.intake, grid.notices, admission)


def submit(grid: DomainGrid, owner: int) -> int:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    grid.preparer.run_pass(grid.now)
    return project


def state(grid: DomainGrid, project: int) -> ProjectState:
    return grid.row(project).state


def test_no_volunteer_gets_anything_of_it_before_the_yes(
    grid: DomainGrid, operator: int, owner: int, steady: Cast, approvals: Approvals
) -> None:
    project = submit(grid, owner)
    assert state(grid, project) is ProjectState.awaiting_approval
    assert isinstance(steady.ask(), NoWork)
    assert "operator" in grid.views.view(owner, project, grid.now).summary.status
    assert Operating(grid.stores, grid.rings.append, []).overview(operator, grid.now).approvals == 1
    grid.wait(5000)
    approvals.approve(operator, project, grid.now)
    assert state(grid, project) is ProjectState.running
    assert grid.rings[-1] == "rounds"
    assert isinstance(steady.ask(), Lease)
    first = grid.stores.rounds.get(project, 0)
    assert (first.state, first.opened_at) == (RoundState.open, grid.now)
    assert grid.row(project).running_since == grid.now


def test_the_operators_are_told_that_it_waits_and_the_owner_that_it_begins(
    grid: DomainGrid, operator: int, owner: int, approvals: Approvals
) -> None:
    for account in (operator, owner):
        Account.update(webhook_url="https://hooks.example.org").where(Account.id == account).execute()
    project = submit(grid, owner)
    [letter] = grid.stores.letters.unfinished(9)
    assert (letter.account_id, letter.subject) == (operator, "digits waits for approval")
    approvals.approve(operator, project, grid.now)
    letter = max(grid.stores.letters.unfinished(9), key=lambda one: one.id)
    assert (letter.account_id, letter.subject) == (owner, "digits is approved")


def test_one_yes_is_for_all_of_the_account(
    grid: DomainGrid, operator: int, owner: int, stranger: int, approvals: Approvals
) -> None:
    first, second, others = submit(grid, owner), submit(grid, owner), submit(grid, stranger)
    approvals.approve(operator, second, grid.now)
    assert [state(grid, one) for one in (first, second)] == [ProjectState.running] * 2
    assert state(grid, submit(grid, owner)) is ProjectState.running
    assert state(grid, others) is ProjectState.awaiting_approval


def test_an_operator_and_who_has_trained_here_before_need_no_yes(
    grid: DomainGrid, operator: int, owner: int
) -> None:
    assert state(grid, submit(grid, operator)) is ProjectState.running
    careful_one, grid.preparer = grid.preparer, Preparer(grid.stores, grid.intake, grid.notices)
    submit(grid, owner)
    grid.preparer = careful_one
    assert state(grid, submit(grid, owner)) is ProjectState.running


def test_who_is_refused_is_told_why_and_waits_the_next_time(
    grid: DomainGrid, operator: int, owner: int, approvals: Approvals
) -> None:
    project = submit(grid, owner)
    with pytest.raises(NotAcceptable):
        approvals.refuse(operator, project, " \n", grid.now)
    approvals.refuse(operator, project, "What is it for?", grid.now)
    assert state(grid, project) is ProjectState.cancelled
    assert grid.stores.projects.events(project)[0].sentence.endswith("operator of the grid: What is it for?")
    assert state(grid, submit(grid, owner)) is ProjectState.awaiting_approval
    assert [row.what for row in grid.stores.actions.newest(9)] == ["refused project"]


def test_its_owner_cannot_let_it_begin_but_can_cancel_it(grid: DomainGrid, owner: int, approvals: Approvals) -> None:
    project = submit(grid, owner)
    with pytest.raises(NotAllowedNow):
        grid.projects.resume(owner, project, grid.now)
    with pytest.raises(NotFound):
        approvals.approve(owner, project, grid.now)
    with pytest.raises(NotAllowedNow):
        grid.projects.pause(owner, project, grid.now)
    assert state(grid, project) is ProjectState.awaiting_approval
    grid.projects.cancel(owner, project, grid.now)
    assert state(grid, project) is ProjectState.cancelled


def test_a_preparation_that_failed_and_is_tried_again_is_no_way_around_the_yes(
    grid: DomainGrid, operator: int, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: object) -> NoReturn:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(grid.intake, "cut", fail)
        project = submit(grid, owner)
    assert state(grid, project) is ProjectState.needs_attention
    grid.projects.resume(owner, project, grid.now)
    grid.preparer.run_pass(grid.now)
    assert state(grid, project) is ProjectState.awaiting_approval
    assert state(grid, submit(grid, owner)) is ProjectState.awaiting_approval


def test_what_does_not_wait_can_be_neither_approved_nor_refused(
    grid: DomainGrid, operator: int, owner: int, approvals: Approvals
) -> None:
    project = submit(grid, operator)
    before = grid.dump()
    with pytest.raises(NotAllowedNow):
        approvals.approve(operator, project, grid.now)
    with pytest.raises(NotAllowedNow):
        approvals.refuse(operator, project, "no", grid.now)
    waiting = submit(grid, owner)
    Account.update(blocked_at=grid.now).where(Account.id == owner).execute()
    with pytest.raises(NotAllowedNow, match="blocked"):
        approvals.approve(operator, waiting, grid.now)
    assert before["Action"] == grid.dump()["Action"]


def test_an_operator_sees_first_what_waits_and_what_it_is(grid: DomainGrid, operator: int, owner: int) -> None:
    waiting = submit(grid, owner)
    running = submit(grid, operator)
    seen = Operating(grid.stores, grid.rings.append, []).overview(operator, grid.now).projects
    assert [row.id for row in seen] == [waiting, running]
    assert seen[0].facts == [tuple(fact) for fact in grid.row(waiting).facts]
    assert seen[0].facts
    assert seen[1].facts == []
