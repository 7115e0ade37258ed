"""The statistics export: who is in it, and when it is written."""

import datetime as dt
import gzip
import hashlib
import math
import xml.etree.ElementTree as Tree
from pathlib import Path

import pytest

from server.domain.leaving import Leaving
from server.domain.statistics import StatisticsExport
from server.domain.teams import Teams
from server.rules.states import CreditKind
from server.storage.account_tables import Account
from server.storage.ledger import Entry
from server.storage.statistics import StatisticsFolder
from tests.support.domain_grid import START, Cast, DomainGrid


class Export:
    def __init__(self, grid: DomainGrid, folder: Path) -> None:
        self._grid = grid
        self.folder = folder
        self._pass = StatisticsExport(grid.stores, StatisticsFolder(folder), "a grid & more")

    def write(self) -> int:
        return self._pass.run_pass(self._grid.now)

    def again(self) -> None:
        self._grid.now += dt.timedelta(days=1)
        assert self.write()

    def read(self, name: str) -> Tree.Element:
        data = (self.folder / name).read_bytes()
        return Tree.fromstring(gzip.decompress(data) if name.endswith(".gz") else data)

    def numbers(self, name: str) -> list[int]:
        return [int(one.findtext("id", "")) for one in self.read(name)]


@pytest.fixture
def export(grid: DomainGrid, tmp_path: Path) -> Export:
    return Export(grid, tmp_path / "stats")


@pytest.fixture
def workers(grid: DomainGrid, owner: int, stranger: int) -> tuple[Cast, Cast]:
    """One host of each; both have credit. The owner agrees to the export, the stranger was not asked."""
    grid.project(owner)
    hosts = grid.host(owner, "mine, private"), grid.host(stranger, "another's")
    for host in hosts:
        host.deliver(host.lease())
        grid.rounds()
    Account.update(is_exported=True).where(Account.id == owner).execute()
    return hosts


def test_only_who_agreed_is_in_the_files_and_all_are_in_the_sums(
    grid: DomainGrid, owner: int, export: Export, workers: tuple[Cast, Cast]
) -> None:
    Teams(grid.stores).create(owner, "Reds <3", "", grid.now)
    workers[0].deliver(workers[0].lease())
    grid.rounds()
    assert export.write() == 6
    (user,), (host,), (team,) = export.read("user.gz"), export.read("host.gz"), export.read("team.gz")
    row = Account.get_by_id(owner)
    assert (user.findtext("id"), user.findtext("name")) == (str(owner), "owner")
    assert user.findtext("total_credit") == f"{row.credit / 1000:.6f}"
    assert (host.findtext("id"), host.findtext("userid")) == (str(workers[0].id), str(owner))
    assert (team.findtext("name"), team.findtext("founder_name")) == ("Reds <3", "owner")
    tables = export.read("tables.xml")
    assert [tables.findtext(f"n{kind}_total") for kind in ("users", "teams", "hosts")] == ["2", "1", "2"]
    total = sum(one.credit for one in Account.select())
    assert tables.findtext("total_credit") == f"{total / 1000:.6f}"
    everything = b"".join(gzip.decompress(path.read_bytes()) for path in export.folder.glob("*.gz"))
    assert b"stranger" not in everything
    assert b"private" not in everything, "what its owner calls a machine is the owner's affair"


@pytest.mark.parametrize("columns", [{"is_listed": False}, {"is_exported": False}, {"blocked_at": START}])
def test_who_takes_it_back_is_not_in_the_next_files(
    owner: int, export: Export, workers: tuple[Cast, Cast], columns: dict[str, object]
) -> None:
    export.write()
    assert export.numbers("user.gz") == [owner]
    Account.update(**columns).where(Account.id == owner).execute()
    export.again()
    assert export.numbers("user.gz") == export.numbers("host.gz") == []
    assert export.numbers("user_deleted.gz") == []


def test_machines_that_are_not_to_be_shown_are_not_in_the_files(
    owner: int, export: Export, workers: tuple[Cast, Cast]
) -> None:
    Account.update(lists_hosts=False).where(Account.id == owner).execute()
    export.write()
    assert (export.numbers("user.gz"), export.numbers("host.gz")) == ([owner], [])


def test_sites_are_told_of_who_deleted_the_account_and_of_nobody_who_was_not_in_it(
    grid: DomainGrid, owner: int, stranger: int, export: Export, workers: tuple[Cast, Cast]
) -> None:
    export.write()
    (before,) = export.read("user.gz")
    leaving = Leaving.__new__(Leaving)
    leaving._stores, leaving._hosts = grid.stores, grid.hosts
    for account in (owner, stranger):
        with grid.stores.database.write():
            leaving._forget_person(account, grid.now)
    export.again()
    assert export.numbers("user.gz") == []
    (gone,) = export.read("user_deleted.gz")
    assert (gone.findtext("id"), gone.findtext("cpid")) == (str(owner), before.findtext("cpid"))
    assert export.numbers("host_deleted.gz") == [workers[0].id]
    grid.now += dt.timedelta(days=60)
    export.again()
    assert export.numbers("user_deleted.gz") == []


def test_it_is_written_once_a_day_and_when_it_is_gone(
    grid: DomainGrid, export: Export, workers: tuple[Cast, Cast]
) -> None:
    assert export.write()
    assert not export.write()
    grid.wait(86_399)
    assert not export.write()
    grid.wait(1)
    assert export.write()
    (export.folder / "tables.xml").unlink()
    assert export.write()
    assert not list(export.folder.glob(".*")), "nothing half-written is left"


def test_an_identifier_stays_and_tells_nothing(owner: int, export: Export, workers: tuple[Cast, Cast]) -> None:
    Account.update(email="owner@example.org").where(Account.id == owner).execute()
    export.write()
    first = export.read("user.gz")[0].findtext("cpid")
    export.again()
    assert export.read("user.gz")[0].findtext("cpid") == first != ""
    guesses = [b"owner@example.org", b"owner", str(owner).encode()]
    assert first not in [hashlib.md5(guess, usedforsecurity=False).hexdigest() for guess in guesses]


def test_a_recent_average_fades_while_the_total_stays(
    grid: DomainGrid, owner: int, export: Export, workers: tuple[Cast, Cast]
) -> None:
    def numbers() -> tuple[float, float]:
        (user,) = export.read("user.gz")
        return float(user.findtext("total_credit", "")), float(user.findtext("expavg_credit", ""))

    with grid.stores.database.write():
        grid.stores.ledger.add(Entry(workers[0].id, owner, None, 999, 1, CreditKind.granted, 10**6), grid.now)
    export.write()
    total, average = numbers()
    assert total >= 1000
    assert average == pytest.approx(1000 * math.log(2) / 7, rel=0.05)
    grid.now += dt.timedelta(days=6)
    export.again()
    assert numbers() == (total, pytest.approx(average / 2, rel=0.05))
