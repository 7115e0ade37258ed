"""Deleting an account: what goes, what stays, and who may not go."""

import datetime as dt
import functools
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from server.domain import hashing
from server.domain.devices import Devices
from server.domain.leaving import Leaving, LeavingFinisher
from server.domain.letters import Letters
from server.domain.passwords import Passwords
from server.domain.uploads import Uploads
from server.errors import LinkExpired, NotAcceptable, NotAllowedNow, NotFound, UnknownToken
from server.rules.incoming import NewUpload
from server.rules.states import ResultState
from server.storage.account_tables import AccessToken, Account, JoinKey, Letter, Linking, PartialUpload
from server.storage.tables import Draft, Host, Project, Result
from tests.support.domain_grid import PASSWORD, DomainGrid
from volunteer.protocol.messages import DeviceRequest, Machine


@pytest.fixture
def leaving(grid: DomainGrid, monkeypatch: pytest.MonkeyPatch) -> Leaving:
    quick = functools.partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(hashing, "PasswordHasher", quick)
    passwords = Passwords(grid.stores, grid.accounts, grid.hashing, Letters(grid.stores, True), grid.rings.append)
    return Leaving(grid.stores, passwords, grid.projects, grid.hosts)


def sign_up(grid: DomainGrid, name: str) -> int:
    return grid.accounts.sign_up(name, PASSWORD, grid.now).id


def files_under(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith("grid.db")}


def test_everything_that_is_the_persons_goes(grid: DomainGrid, operator: int, leaving: Leaving) -> None:
    before = files_under(grid.folder)
    alice = sign_up(grid, "Alice")
    grid.project(alice)
    grid.drafts.start(alice, grid.form(), grid.files(3, 12), grid.now)
    grid.join_keys.create(alice, "", 3, 24, grid.now)
    devices = Devices(grid.stores, "")
    link = devices.ask(DeviceRequest("attic", Machine("Linux", "", 2, 2**30, "0.1.0", 1, 2)), "192.0.2.7", grid.now)
    devices.approve(alice, link.user_code, grid.now)
    secret = grid.tokens.create(alice, "", {"read"}, None, grid.now)
    Uploads(grid.stores).create(alice, NewUpload("data.npy", 100, "", ""), grid.now)
    Account.update(email="alice@example.org", email_verified_at=grid.now).where(Account.id == alice).execute()
    with grid.stores.database.write():
        Letters(grid.stores, True).write(alice, "Hello", "there", grid.now)
    leaving.delete_account(alice, PASSWORD, "here", grid.now)
    for table in (Project, Draft, JoinKey, Linking, AccessToken, Letter, PartialUpload):
        assert table.select().count() == 0, table.__name__
    assert files_under(grid.folder) == before
    row = Account.get_by_id(alice)
    assert (row.name, row.email, row.deleted_at, row.is_listed) == (f"deleted-{alice}", "", grid.now, False)
    assert "alice" not in repr(grid.dump()).lower()
    with pytest.raises(UnknownToken):
        grid.tokens.by_secret(secret, grid.now)
    with pytest.raises(LinkExpired):
        devices.poll(link.device_code, grid.now)
    assert grid.accounts.log_in("Alice", PASSWORD, "here", grid.now) is None
    assert grid.accounts.of_session(alice, "") is None


def test_a_wrong_password_deletes_nothing(grid: DomainGrid, operator: int, leaving: Leaving) -> None:
    alice = sign_up(grid, "Alice")
    with pytest.raises(NotAcceptable) as caught:
        leaving.delete_account(alice, "a wrong password", "here", grid.now)
    assert caught.value.field == "password"
    assert Account.get_by_id(alice).deleted_at is None


def test_what_its_hosts_computed_for_others_stays_and_is_still_right(
    grid: DomainGrid, operator: int, owner: int, leaving: Leaving
) -> None:
    alice = sign_up(grid, "Alice")
    project = grid.project(owner, epochs=1)
    laptop = grid.host(alice, "Alice's laptop")
    laptop.deliver(laptop.lease())
    grid.rounds()
    under_way = laptop.lease()
    leaving.delete_account(alice, PASSWORD, "here", grid.now)
    assert Result.get_by_id(int(under_way.result)).state is ResultState.lost
    assert Result.select().where(Result.state == ResultState.valid).count() > 0
    assert (Host.get().name, Host.get().detached_at) == ("machine", grid.now)
    assert grid.audit.findings(grid.now) == []
    assert grid.row(project).round >= 1


def test_the_name_is_free_again_and_nobody_can_take_the_deleted_ones_place(
    grid: DomainGrid, operator: int, leaving: Leaving
) -> None:
    alice = sign_up(grid, "Alice")
    squatter = sign_up(grid, f"deleted-{alice}")
    leaving.delete_account(alice, PASSWORD, "here", grid.now)
    assert sign_up(grid, "Alice") not in (alice, squatter)


def test_the_only_operator_stays_while_others_have_accounts(grid: DomainGrid, leaving: Leaving) -> None:
    boss, other = sign_up(grid, "Boss"), sign_up(grid, "Other")
    with pytest.raises(NotAllowedNow):
        leaving.delete_account(boss, PASSWORD, "here", grid.now)
    Account.update(is_operator=True).where(Account.id == other).execute()
    leaving.delete_account(boss, PASSWORD, "here", grid.now)
    assert Account.get_by_id(boss).deleted_at is not None


def test_who_is_alone_may_go_and_the_next_one_is_the_operator(grid: DomainGrid, leaving: Leaving) -> None:
    boss = sign_up(grid, "Boss")
    leaving.delete_account(boss, PASSWORD, "here", grid.now)
    assert Account.get_by_id(sign_up(grid, "Next")).is_operator
    with pytest.raises(NotAcceptable):
        leaving.delete_account(boss, PASSWORD, "here", grid.now)


def test_a_deletion_that_was_interrupted_is_finished_by_the_pass(
    grid: DomainGrid, operator: int, leaving: Leaving
) -> None:
    alice = sign_up(grid, "Alice")
    project = grid.project(alice)
    finisher = LeavingFinisher(grid.stores, grid.projects)
    assert finisher.run_pass(grid.now) == 0
    Account.update(deleted_at=grid.now).where(Account.id == alice).execute()
    assert finisher.run_pass(grid.now) == 2
    with pytest.raises(NotFound):
        grid.row(project)
    assert finisher.run_pass(grid.now + dt.timedelta(seconds=1)) == 0
