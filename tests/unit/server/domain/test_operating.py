"""What operators may do, and that nobody else may."""

import logging
from typing import Any

import pytest

from server.domain.operating import Operating
from server.errors import AccountBlocked, NotAllowedNow, NotFound
from server.rules.states import ProjectState, ResultState
from server.storage.account_tables import Account
from server.storage.tables import Result
from tests.support.domain_grid import DomainGrid
from volunteer.protocol.messages import AttachRequest, NoWork


@pytest.fixture
def operating(grid: DomainGrid) -> Operating:
    return Operating(grid.stores, grid.rings.append, [("smtp_password", "(set)")])


CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("accounts", ("",)), ("overview", ()), ("block", (3,)), ("unblock", (3,)), ("appoint", (3,)), ("dismiss", (1,)),
    ("cancel_project", (1,)), ("retry_letter", (1,)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "arguments"), CALLS)
def test_for_everybody_else_there_is_nothing(
    grid: DomainGrid, owner: int, stranger: int, operating: Operating, method: str, arguments: Any
) -> None:
    grid.project(owner)
    before = grid.dump()
    for who in (owner, stranger, 999):
        with pytest.raises(NotFound):
            getattr(operating, method)(who, *arguments, grid.now)
    assert grid.dump() == before


def test_a_dismissed_or_deleted_operator_is_none(grid: DomainGrid, operator: int, operating: Operating) -> None:
    for columns in ({"is_operator": False}, {"is_operator": True, "deleted_at": grid.now}):
        Account.update(**columns).where(Account.id == operator).execute()
        with pytest.raises(NotFound):
            operating.overview(operator, grid.now)


def test_a_blocked_account_gets_no_work_and_its_projects_pause(
    grid: DomainGrid, operator: int, owner: int, operating: Operating
) -> None:
    project = grid.project(owner)
    host = grid.host(owner, "attic")
    key = grid.join_keys.create(owner, "", 1, 24, grid.now)
    token = grid.hosts.attach(AttachRequest(key, "cellar", host.machine), grid.now).token
    lease = host.lease()
    grid.accounts.session_key(owner)
    operating.block(operator, owner, grid.now)
    assert grid.row(project).state is ProjectState.paused
    assert Result.get_by_id(int(lease.result)).state is ResultState.lost
    with pytest.raises(AccountBlocked):
        grid.hosts.by_token(token)
    with pytest.raises(AccountBlocked):
        host.ask()
    assert grid.accounts.of_session(owner, "") is None
    operating.unblock(operator, owner, grid.now)
    assert grid.hosts.by_token(token).name == "cellar"
    assert grid.row(project).state is ProjectState.paused, "its owner resumes it"


def test_no_machine_joins_a_blocked_account_and_the_key_is_not_used_up(
    grid: DomainGrid, operator: int, owner: int, operating: Operating
) -> None:
    machine = grid.host(operator, "steady").machine
    key = grid.join_keys.create(owner, "", 1, 24, grid.now)
    operating.block(operator, owner, grid.now)
    with pytest.raises(AccountBlocked):
        grid.hosts.attach(AttachRequest(key, "attic", machine), grid.now)
    operating.unblock(operator, owner, grid.now)
    assert grid.hosts.attach(AttachRequest(key, "attic", machine), grid.now).host


def test_a_project_that_is_being_prepared_does_not_start_by_itself_after_a_block(
    grid: DomainGrid, operator: int, owner: int, operating: Operating
) -> None:
    draft = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    grid.checker.run_pass(grid.now)
    project = grid.drafts.submit(owner, draft, grid.now)
    operating.block(operator, owner, grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(project).state is ProjectState.needs_attention
    assert isinstance(grid.host(operator, "steady").ask(), NoWork)
    operating.unblock(operator, owner, grid.now)
    grid.projects.resume(owner, project, grid.now)
    grid.preparer.run_pass(grid.now)
    assert grid.row(project).state is ProjectState.running


def test_an_operator_is_not_blocked_and_the_last_one_not_dismissed(
    grid: DomainGrid, operator: int, owner: int, operating: Operating
) -> None:
    with pytest.raises(NotAllowedNow):
        operating.block(operator, operator, grid.now)
    with pytest.raises(NotAllowedNow):
        operating.dismiss(operator, operator, grid.now)
    operating.appoint(operator, owner, grid.now)
    operating.dismiss(owner, operator, grid.now)
    assert (Account.get_by_id(operator).is_operator, Account.get_by_id(owner).is_operator) == (False, True)


def test_an_operator_cancels_anybodys_project_and_its_log_says_so(
    grid: DomainGrid, operator: int, owner: int, operating: Operating
) -> None:
    project = grid.project(owner)
    operating.cancel_project(operator, project, grid.now)
    assert grid.row(project).state is ProjectState.cancelled
    assert grid.stores.projects.events(project)[0].sentence == "Cancelled by the operator of the grid."
    with pytest.raises(NotAllowedNow):
        operating.cancel_project(operator, project, grid.now)


def test_every_change_is_a_line_of_the_audit_log(
    grid: DomainGrid, operator: int, owner: int, operating: Operating, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daig.audit")
    project = grid.project(owner)
    operating.block(operator, owner, grid.now)
    operating.unblock(operator, owner, grid.now)
    operating.appoint(operator, owner, grid.now)
    operating.dismiss(operator, owner, grid.now)
    operating.cancel_project(operator, project, grid.now)
    lines = [record.getMessage() for record in caplog.records if record.name == "daig.audit"]
    assert len(lines) == 5
    assert all(line.startswith(f"operator ({operator}) ") for line in lines)
    assert "blocked account owner" in lines[0]
    rows = grid.stores.actions.newest(9)
    assert [(row.actor, row.actor_name, row.what) for row in rows] == [
        (operator, "operator", "cancelled project"),
        (operator, "operator", "took the operator's office from"),
        (operator, "operator", "made an operator of"),
        (operator, "operator", "unblocked account"),
        (operator, "operator", "blocked account"),
    ]
    assert rows[0].subject == f"digits ({project})"
    assert [row.id for row in grid.stores.actions.newest(9, before=rows[2].id)] == [rows[3].id, rows[4].id]


def test_what_failed_is_not_in_the_log(grid: DomainGrid, operator: int, operating: Operating) -> None:
    with pytest.raises(NotAllowedNow):
        operating.dismiss(operator, operator, grid.now)
    assert grid.stores.actions.newest(9) == []


def test_the_overview_shows_everybodys_work_and_no_letters_text(
    grid: DomainGrid, operator: int, owner: int, operating: Operating
) -> None:
    project = grid.project(owner)
    host = grid.host(owner, "attic")
    host.deliver(host.lease())
    grid.rounds()
    with grid.stores.database.write():
        grid.stores.letters.add(owner, "mail", "owner@example.org", "Hello", "a secret link", grid.now)
    view = operating.overview(operator, grid.now)
    assert [(row.id, row.owner) for row in view.projects] == [(project, "owner")]
    [seen] = view.hosts
    assert (seen.name, seen.owner, seen.good, seen.bad, seen.lost) == ("attic", "owner", 1, 0, 0)
    assert view.letters_waiting == len(view.letters) == 1
    assert "a secret link" not in repr(view)
    assert "owner@example.org" not in repr(view)
    assert view.settings == [("smtp_password", "(set)")]
    assert view.database_size > 0


@pytest.mark.parametrize(("search", "names"), [("OWN", ["owner"]), ("", ["stranger", "owner", "operator"]), ("%", []),
                                               ("_wner", []), ("@example", ["owner"]), ("\\", [])])  # fmt: skip
def test_accounts_are_found_by_a_part_of_name_or_address(
    grid: DomainGrid, operator: int, owner: int, stranger: int, operating: Operating, search: str, names: list[str]
) -> None:
    Account.update(email="o@example.org").where(Account.id == owner).execute()
    assert [row.name for row in operating.accounts(operator, search, grid.now)] == names


def test_a_letter_that_waits_is_tried_at_once(grid: DomainGrid, operator: int, operating: Operating) -> None:
    with grid.stores.database.write():
        letter = grid.stores.letters.add(operator, "webhook", "https://example.org", "Test", "{}", grid.now)
        grid.stores.letters.claim(letter, grid.now.replace(year=2030))
    assert grid.stores.letters.due(["webhook"], grid.now, 9) == []
    operating.retry_letter(operator, letter.id, grid.now)
    assert [row.id for row in grid.stores.letters.due(["webhook"], grid.now, 9)] == [letter.id]
    assert grid.rings[-1] == "letters"
