"""The ledger of credit: entries are only ever added. The sums of hosts, accounts and teams move with them.

Plain SQL: an entry is written with each verdict.
"""

import datetime as dt
from typing import NamedTuple

from server.rules.states import CreditKind, ResultState
from server.storage.database import Database
from server.storage.hosts import THE_GRID

DAY_SECONDS = 86_400
_COLUMNS = "host_id, account_id, team, day, at, result, project, kind, amount"


class Entry(NamedTuple):
    """A line of the ledger. `result`, `project` and `team` are numbers of rows that may be gone."""

    host: int
    account: int
    team: int | None
    result: int
    project: int
    kind: CreditKind
    amount: int


class Credited(NamedTuple):
    """A grant with the result that it was for, while that is there. `net`: what is left of it."""

    result: int
    kind: CreditKind
    amount: int
    net: int
    state: ResultState
    delivered: int
    size: int
    unit_size: int
    operations: int


def day_of(now: dt.datetime) -> int:
    """Days since 1970, UTC."""
    return int(now.timestamp() // DAY_SECONDS)


class LedgerStore:
    """Every method is to be called inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_result(self, result_id: int) -> list[Entry]:
        """What was entered for a result: at most one grant, at most one that takes it back."""
        rows = self._database.rows(
            "SELECT host_id, account_id, team, result, project, kind, amount FROM credit_entry"
            " WHERE result = ? ORDER BY id",
            result_id,
        )
        return [Entry._make(row)._replace(kind=CreditKind(row[5])) for row in rows]

    def holder(self, host_id: int) -> tuple[int, int | None]:
        """(account, its team) whom a host's work is credited to now."""
        [(account, team)] = self._database.rows(
            "SELECT account.id, account.team_id FROM host JOIN account ON account.id = host.account_id"
            " WHERE host.id = ?",
            host_id,
        )
        return int(account), None if team is None else int(team)

    def add(self, entry: Entry, now: dt.datetime) -> None:
        """Enter it, and move the sums with it."""
        self._database.rows(
            f"INSERT INTO credit_entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            entry.host, entry.account, entry.team, day_of(now), now.timestamp(), entry.result, entry.project,
            str(entry.kind), entry.amount,
        )  # fmt: skip
        for table, number in (("host", entry.host), ("account", entry.account), ("team", entry.team)):
            self._database.rows(f"UPDATE {table} SET credit = credit + ? WHERE id = ?", entry.amount, number)

    def granted_to(self, host_id: int, kinds: tuple[CreditKind, ...], since_day: int) -> int:
        """Thousandths of these kinds from that day on."""
        marks = ", ".join("?" * len(kinds))
        [(total,)] = self._database.rows(
            f"SELECT COALESCE(SUM(amount), 0) FROM credit_entry WHERE host_id = ? AND day >= ? AND kind IN ({marks})",
            host_id, since_day, *(str(kind) for kind in kinds),
        )  # fmt: skip
        return int(total)

    def sums_that_differ(self) -> list[tuple[str, int, int, int]]:
        """("host", "account" or "team"; its number; its sum; what its entries come to)."""
        found: list[tuple[str, int, int, int]] = []
        for table, column in (("host", "host_id"), ("account", "account_id"), ("team", "team")):
            rows = self._database.rows(
                f"SELECT {table}.id, credit, COALESCE(part.amount, 0) FROM {table} LEFT JOIN"
                f" (SELECT {column} AS id, SUM(amount) AS amount FROM credit_entry GROUP BY 1) AS part"
                f" ON part.id = {table}.id WHERE credit <> COALESCE(part.amount, 0) ORDER BY 1"
            )
            found += [(table, *row) for row in rows]
        return found

    def granted_twice(self) -> list[int]:
        """Results with more than one grant, of whichever kind."""
        rows = self._database.rows(
            "SELECT result FROM credit_entry WHERE amount > 0 GROUP BY result HAVING COUNT(*) > 1 ORDER BY 1"
        )
        return [number for (number,) in rows]

    def taken_back_wrongly(self) -> list[int]:
        """Results of which more, or less, was taken back than granted, or from somebody else."""
        rows = self._database.rows(
            "SELECT back.result FROM credit_entry AS back LEFT JOIN credit_entry AS given"
            " ON given.result = back.result AND given.amount > 0 AND given.amount = -back.amount"
            " AND given.host_id = back.host_id AND given.account_id = back.account_id AND given.team IS back.team"
            " WHERE back.amount < 0 AND given.id IS NULL ORDER BY 1"
        )
        return [number for (number,) in rows]

    def credited(self) -> list[Credited]:
        """Every grant for a result that is still there."""
        rows = self._database.rows(
            "SELECT entry.result, entry.kind, entry.amount, entry.amount + COALESCE((SELECT SUM(amount)"
            " FROM credit_entry WHERE result = entry.result AND amount < 0), 0), result.state, delivered, result.size,"
            " unit.size, operations FROM credit_entry AS entry JOIN result ON result.id = entry.result"
            " JOIN unit ON unit.id = result.unit_id JOIN project ON project.id = result.project_id"
            " WHERE entry.amount > 0 ORDER BY 1"
        )
        return [Credited._make(row)._replace(kind=CreditKind(row[1]), state=ResultState(row[4])) for row in rows]

    def valid_without_credit(self) -> list[int]:
        """The server's own recomputations earn none."""
        rows = self._database.rows(
            "SELECT result.id FROM result JOIN host ON host.id = host_id WHERE state = 'valid' AND attachment IS NOT ?"
            " AND NOT EXISTS (SELECT 1 FROM credit_entry AS entry WHERE entry.result = result.id) ORDER BY 1",
            THE_GRID,
        )
        return [number for (number,) in rows]
