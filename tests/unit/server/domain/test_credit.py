"""The ledger: what is granted, once, and what is taken back."""

import datetime as dt
import sqlite3
from typing import Any

import peewee
import pytest

from server.domain.credit import Credit
from server.rules.credit import amount_of
from server.rules.states import CreditKind, ResultState
from server.storage.account_tables import Account, Team
from server.storage.tables import CreditEntry, Host, Project, Result, Unit
from tests.support.domain_grid import START, Cast, DomainGrid


@pytest.fixture
def credit(grid: DomainGrid) -> Credit:
    return Credit(grid.stores)


def judged(grid: DomainGrid, host: Cast) -> tuple[Result, Unit, Project]:
    """A unit of a new round computed and found valid."""
    lease = host.lease()
    host.deliver(lease)
    grid.rounds()
    result = Result.get_by_id(int(lease.result))
    return result, Unit.get_by_id(result.unit_id), Project.get_by_id(result.project_id)


def sums(host: Cast) -> tuple[int, int]:
    row = host.row
    return row.credit, Account.get_by_id(row.account_id).credit


def entries() -> list[tuple[Any, ...]]:
    return [(e.kind, e.amount, e.host_id, e.account_id) for e in CreditEntry.select().order_by(CreditEntry.id)]


def test_a_verdict_grants_what_the_unit_takes_once(grid: DomainGrid, owner: int, credit: Credit) -> None:
    grid.project(owner)
    host = grid.host(owner, "a")
    result, unit, project = judged(grid, host)
    worth = amount_of(project.operations, unit.size)
    assert entries() == [(CreditKind.granted, worth, host.id, owner)]
    for kind in (CreditKind.granted, CreditKind.surplus):
        with grid.stores.database.write():
            assert credit.grant(result, unit, project, kind, grid.now) == 0
    assert entries() == [(CreditKind.granted, worth, host.id, owner)]
    assert sums(host) == (worth, worth)


def test_what_a_check_refutes_is_taken_back_once_by_an_entry_of_its_own(
    grid: DomainGrid, owner: int, credit: Credit
) -> None:
    grid.project(owner)
    host = grid.host(owner, "a")
    result, unit, project = judged(grid, host)
    worth = sums(host)[0]
    with grid.stores.database.write():
        assert credit.take_back(result, grid.now) == worth
        assert credit.take_back(result, grid.now) == 0
        assert credit.grant(result, unit, project, CreditKind.granted, grid.now) == 0
    assert [entry[:2] for entry in entries()] == [(CreditKind.granted, worth), (CreditKind.taken_back, -worth)]
    assert sums(host) == (0, 0)


def test_nothing_is_taken_back_of_what_was_never_granted(grid: DomainGrid, owner: int, credit: Credit) -> None:
    grid.project(owner)
    result = Result.get_by_id(int(grid.host(owner, "a").lease().result))
    with grid.stores.database.write():
        assert credit.take_back(result, grid.now) == 0
    assert entries() == []


def test_surplus_is_granted_up_to_a_cap_for_each_day(grid: DomainGrid, owner: int, credit: Credit) -> None:
    grid.project(owner)
    host = grid.host(owner, "a")
    lease = host.lease()
    result = Result.get_by_id(int(lease.result))
    unit, project = Unit.get_by_id(result.unit_id), Project.get_by_id(result.project_id)
    result.delivered = result.size

    def surplus(number: int) -> int:
        # Results of the same unit, by numbers only: the ledger knows no more of them.
        result.id = 1000 + number
        with grid.stores.database.write():
            return credit.grant(result, unit, project, CreditKind.surplus, grid.now)

    worth = amount_of(project.operations, result.size)
    assert [surplus(n) for n in range(12)] == [worth] * 10 + [0, 0]
    grid.now += dt.timedelta(days=1)
    assert surplus(12) == worth
    assert sums(host) == (11 * worth, 11 * worth)


def test_a_team_keeps_what_was_earned_in_it(grid: DomainGrid, owner: int, credit: Credit) -> None:
    grid.project(owner)
    host = grid.host(owner, "a")
    team = Team.create(name="Reds", folded="reds", founder=owner, created_at=START)
    Account.update(team_id=team.id).where(Account.id == owner).execute()
    result, _, _ = judged(grid, host)
    Account.update(team_id=None).where(Account.id == owner).execute()
    assert Team.get_by_id(team.id).credit == sums(host)[0] > 0
    with grid.stores.database.write():
        credit.take_back(result, grid.now)
    assert Team.get_by_id(team.id).credit == 0, "taken back where it was granted"


def test_credit_goes_with_the_verdict_or_not_at_all(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.project(owner)
    host = grid.host(owner, "a")
    lease = host.lease()
    host.deliver(lease)

    def fall(*_: object) -> None:
        raise sqlite3.OperationalError("the disk is full")

    monkeypatch.setattr(grid.stores.rounds, "use", fall)
    grid.validator.run_pass(grid.now)
    assert entries() == []
    assert sums(host) == (0, 0)
    assert Result.get_by_id(int(lease.result)).state is not ResultState.valid


def test_the_ledger_cannot_be_changed_by_any_query(grid: DomainGrid, owner: int) -> None:
    grid.project(owner)
    host = grid.host(owner, "a")
    judged(grid, host)
    for query in (CreditEntry.update(amount=10**9), CreditEntry.delete(), Host.delete().where(Host.id == host.id)):
        with pytest.raises(peewee.IntegrityError, match="append-only"):
            query.execute()
