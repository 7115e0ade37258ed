"""The ledger of credit: entries are only ever added. The sums of hosts, accounts and teams move with them.

Plain SQL: an entry is written with each verdict.
"""

import datetime as dt
from typing import NamedTuple

from server.rules.states import CreditKind
from server.storage.database import Database

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
