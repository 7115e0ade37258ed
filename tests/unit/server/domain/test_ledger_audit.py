"""The audit of the ledger finds what a fault, or a hand in the tables, has done to it."""

import datetime as dt

import pytest

from server.domain.credit import Credit
from server.rules.states import CreditKind, ResultState
from server.storage.account_tables import Account
from server.storage.ledger import Entry
from server.storage.tables import Host, Result
from tests.support.domain_grid import Cast, DomainGrid


@pytest.fixture
def worked(grid: DomainGrid, owner: int) -> tuple[DomainGrid, Cast, Result]:
    """A host with two valid results."""
    grid.project(owner)
    host = grid.host(owner, "a")
    for _ in range(2):
        lease = host.lease()
        host.deliver(lease)
        grid.rounds()
    return grid, host, Result.get_by_id(int(lease.result))


def findings(grid: DomainGrid) -> list[str]:
    return [line for line in grid.audit.findings(grid.now) if "credit" in line or "granted" in line or "worth" in line]


def enter(grid: DomainGrid, result: Result, kind: CreditKind, amount: int) -> None:
    host = Host.get_by_id(result.host_id)
    with grid.stores.database.write():
        entry = Entry(host.id, host.account_id, None, result.id, result.project_id, kind, amount)
        grid.stores.ledger.add(entry, grid.now)


def test_a_ledger_that_nobody_touched_is_in_order(worked: tuple[DomainGrid, Cast, Result]) -> None:
    assert findings(worked[0]) == []


def test_a_sum_that_is_not_that_of_its_entries_is_found(worked: tuple[DomainGrid, Cast, Result]) -> None:
    grid, host, _ = worked
    Host.update(credit=Host.credit + 1).where(Host.id == host.id).execute()
    Account.update(credit=0).where(Account.id == host.row.account_id).execute()
    host_line, account_line = findings(grid)
    assert host_line.startswith(f"host {host.id}: its credit is ")
    assert account_line.startswith(f"account {host.row.account_id}: its credit is 0")


def test_a_second_grant_is_found_whatever_its_kind(worked: tuple[DomainGrid, Cast, Result]) -> None:
    grid, _, result = worked
    enter(grid, result, CreditKind.surplus, grid.stores.ledger.of_result(result.id)[0].amount)
    assert f"result {result.id}: credit was granted for it more than once" in findings(grid)


def test_an_amount_that_the_work_is_not_worth_is_found(worked: tuple[DomainGrid, Cast, Result]) -> None:
    grid, host, _ = worked
    leased = Result.get_by_id(int(host.lease().result))
    enter(grid, leased, CreditKind.granted, 12_345)
    assert any("12345 was granted for it, it is worth" in line for line in findings(grid))
    assert f"result {leased.id}: it is leased and has credit" in findings(grid)


def test_taking_back_another_amount_than_was_granted_is_found(worked: tuple[DomainGrid, Cast, Result]) -> None:
    grid, _, result = worked
    enter(grid, result, CreditKind.taken_back, -10**6)
    assert f"result {result.id}: not what was granted for it was taken back" in findings(grid)


def test_a_valid_result_without_credit_is_found(worked: tuple[DomainGrid, Cast, Result]) -> None:
    grid, host, result = worked
    with grid.stores.database.write():
        Credit(grid.stores).take_back(result, grid.now)
    assert findings(grid) == [f"result {result.id}: it is valid and its credit was taken back"]
    Result.update(state=ResultState.invalid).where(Result.id == result.id).execute()
    assert findings(grid) == []
    late = Result.get_by_id(int(host.lease().result))
    Result.update(state=ResultState.valid, ended_at=grid.now + dt.timedelta(0)).where(Result.id == late.id).execute()
    assert f"result {late.id}: it is valid and has no credit" in findings(grid)
