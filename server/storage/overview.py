"""Sums over the whole grid: who gave how much, what goes on, what the operator looks at. Reads; changes nothing.

Plain SQL: these queries group and join over everything, and each is shown from a cache or to one person.
"""

import datetime as dt
from typing import NamedTuple

from server.storage.database import Database
from server.storage.hosts import THE_GRID

_DAY = 86_400
_OF_A_HOST = (
    "SELECT id, (SELECT COUNT(*) FROM result WHERE host_id = host.id AND state = 'valid')"
    " + (SELECT COALESCE(SUM(results), 0) FROM past_work WHERE host_id = host.id),"
    " (SELECT COALESCE(SUM(delivered), 0) FROM result WHERE host_id = host.id AND state = 'valid')"
    " + (SELECT COALESCE(SUM(mini_batches), 0) FROM past_work WHERE host_id = host.id) FROM host"
)


class Given(NamedTuple):
    """What an account's hosts have given: valid work only."""

    account_id: int
    name: str
    is_listed: bool
    mini_batches: int
    seconds: float


class Pace(NamedTuple):
    """Of some time: mini-batches and results found valid, rounds closed, bytes to and from hosts."""

    mini_batches: int
    results: int
    rounds: int
    bytes_down: int
    bytes_up: int


class OverviewStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def given(self, since: dt.datetime | None = None) -> list[Given]:
        """By account, most mini-batches first; of deleted projects too, by the day."""
        base = 0.0 if since is None else since.timestamp()
        rows = self._database.rows(
            "SELECT account.id, account.name, account.is_listed AND account.deleted_at IS NULL"
            " AND account.blocked_at IS NULL, SUM(part.mini_batches), SUM(part.seconds) FROM ("
            " SELECT host_id, SUM(delivered) AS mini_batches, SUM(ended_at - leased_at) AS seconds FROM result"
            " WHERE state = 'valid' AND ended_at >= ? GROUP BY host_id"
            " UNION ALL SELECT host_id, SUM(mini_batches), SUM(seconds) FROM past_work WHERE day >= ? GROUP BY host_id"
            ") AS part JOIN host ON host.id = part.host_id JOIN account ON account.id = host.account_id"
            " GROUP BY account.id HAVING SUM(part.mini_batches) > 0 ORDER BY 4 DESC, 5 DESC, 1",
            base, int(base // _DAY),
        )  # fmt: skip
        return [Given(int(i), str(name), bool(listed), int(m), float(s)) for i, name, listed, m, s in rows]

    def given_by_hosts(self, account_id: int) -> dict[int, tuple[int, int]]:
        """Results and mini-batches found valid of each host of an account, of deleted projects too."""
        rows = self._database.rows(f"{_OF_A_HOST} WHERE account_id = ?", account_id)
        return {int(number): (int(results), int(count)) for number, results, count in rows}

    def given_by_host(self, host_id: int) -> tuple[int, int]:
        """As `given_by_hosts`, of one."""
        [(_, results, count)] = self._database.rows(f"{_OF_A_HOST} WHERE id = ?", host_id)
        return int(results), int(count)

    def keep_work(self, project_id: int) -> None:
        """Before a project's rows go: what hosts did for it, added to their past work."""
        self._database.rows(
            "INSERT INTO past_work (host_id, day, results, mini_batches, seconds)"
            " SELECT host_id, CAST(ended_at / 86400 AS INTEGER), COUNT(*), SUM(delivered), SUM(ended_at - leased_at)"
            " FROM result WHERE project_id = ? AND state = 'valid' AND ended_at IS NOT NULL GROUP BY 1, 2"
            " ON CONFLICT (host_id, day) DO UPDATE SET results = results + excluded.results,"
            " mini_batches = mini_batches + excluded.mini_batches, seconds = seconds + excluded.seconds",
            project_id,
        )

    def pace(self, since: dt.datetime) -> Pace:
        """Of projects that were not over by then: the index of results goes by project."""
        base = since.timestamp()
        live = "SELECT id FROM project WHERE ended_at IS NULL OR ended_at >= ?"
        [(mini_batches, results, down, up)] = self._database.rows(
            "SELECT COALESCE(SUM(CASE WHEN state = 'valid' THEN delivered END), 0), COALESCE(SUM(state = 'valid'), 0),"
            " COALESCE(SUM(bytes_down), 0), COALESCE(SUM(bytes_up), 0) FROM result"
            f" WHERE project_id IN ({live}) AND ended_at >= ?",
            base, base,
        )  # fmt: skip
        [(rounds,)] = self._database.rows(
            f"SELECT COUNT(*) FROM round WHERE project_id IN ({live}) AND closed_at >= ?", base, base
        )
        return Pace(int(mini_batches), int(results), int(rounds), int(down), int(up))

    def queue(self) -> tuple[int, int]:
        """(mini-batches being computed, results that wait for their verdict)."""
        [(leased,)] = self._database.rows("SELECT COALESCE(SUM(size), 0) FROM result WHERE state = 'leased'")
        [(reported,)] = self._database.rows("SELECT COUNT(*) FROM result WHERE state = 'reported'")
        return int(leased), int(reported)

    def at_work(self) -> dict[int, int]:
        """Hosts that compute, by project; the server is none, when it looks again at a result."""
        rows = self._database.rows(
            "SELECT result.project_id, COUNT(DISTINCT host_id) FROM result JOIN host ON host.id = host_id "
            "WHERE result.state = 'leased' AND token_hash != ? GROUP BY result.project_id",
            THE_GRID,
        )
        return {int(number): int(count) for number, count in rows}
