"""Who has earned how much, for the leaderboards: sums of the ledger. Reads; changes nothing.

Plain SQL: each query goes over everything that was earned in its time, and is shown from a cache.
"""

import datetime as dt
from typing import NamedTuple

from server.storage.database import Database
from server.storage.ledger import day_of

LISTED = "account.is_listed AND account.deleted_at IS NULL AND account.blocked_at IS NULL"
"""Whose name everybody may see."""


class Earner(NamedTuple):
    """An account; `credit` in thousandths."""

    id: int
    name: str
    is_listed: bool
    credit: int


class EarningHost(NamedTuple):
    """A host. Its own name is its owner's affair and not here. `is_listed`: it may be shown, with its owner's name."""

    id: int
    owner: str
    is_listed: bool
    system: str
    processor: str
    threads: int
    credit: int


class EarningTeam(NamedTuple):
    id: int
    name: str
    members: int
    credit: int


class CreditBoardStore:
    """Of everything since an instant, or, without one, ever; the most credit first, nothing at or below zero."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def volunteers(self, since: dt.datetime | None = None) -> list[Earner]:
        source, values = _earned("account", "account_id", since)
        rows = self._database.rows(
            f"SELECT account.id, account.name, {LISTED}, part.amount FROM {source}"
            " WHERE part.amount > 0 ORDER BY part.amount DESC, account.id",
            *values,
        )
        return [Earner(number, name, bool(listed), amount) for number, name, listed, amount in rows]

    def hosts(self, since: dt.datetime | None = None) -> list[EarningHost]:
        source, values = _earned("host", "host_id", since)
        rows = self._database.rows(
            f"SELECT host.id, account.name, {LISTED} AND account.lists_hosts, host.system, host.processor,"
            f" host.threads, part.amount FROM {source} JOIN account ON account.id = host.account_id"
            " WHERE part.amount > 0 ORDER BY part.amount DESC, host.id",
            *values,
        )
        return [EarningHost._make(row)._replace(is_listed=bool(row[2])) for row in rows]

    def teams(self, since: dt.datetime | None = None) -> list[EarningTeam]:
        source, values = _earned("team", "team", since)
        rows = self._database.rows(
            "SELECT team.id, team.name, (SELECT COUNT(*) FROM account WHERE team_id = team.id), part.amount"
            f" FROM {source} WHERE part.amount > 0 ORDER BY part.amount DESC, team.id",
            *values,
        )
        return [EarningTeam._make(row) for row in rows]


def _earned(table: str, column: str, since: dt.datetime | None) -> tuple[str, tuple[float, ...]]:
    """`table` joined with `part` (id, amount), and the values for its question marks."""
    if since is None:
        # The sums that move with the ledger; the audit recomputes them.
        return f"{table} JOIN (SELECT id, credit AS amount FROM {table}) AS part ON part.id = {table}.id", ()
    # The plus keeps the planner from the column's own index, by which it would look up every entry ever made.
    sums = f"SELECT {column} AS id, SUM(amount) AS amount FROM credit_entry"
    entries = f"{sums} WHERE day >= ? AND at >= ? GROUP BY +{column}"
    return f"({entries}) AS part JOIN {table} ON {table}.id = part.id", (day_of(since), since.timestamp())
