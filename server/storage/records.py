"""Hosts' records as operators read them: trust, disagreements, quarantines, appeals, and what referees said."""

import datetime as dt
from typing import NamedTuple

from server.storage.database import Database
from server.storage.tables import Host

_WHICH = {
    "all": "1",
    "doubted": "host.disagreed + host.refuted > 0",
    "quarantined": "host.quarantined_at IS NOT NULL",
    "appealed": "host.quarantined_at IS NOT NULL AND host.appealed_at IS NOT NULL AND host.appeal_answer = ''",
    "referees": "host.is_referee",
}
_NEWEST = "host.id DESC"
_FEW = 5.0
_ORDERS = {
    # One accident of a newcomer says less than many of who was compared often: hence the few who agree with everybody.
    "doubted": "(host.disagreed + host.refuted) / (host.confirmed + host.disagreed + host.refuted +"
    f" {_FEW}) DESC, host.refuted DESC, {_NEWEST}",
}
_COLUMNS = (
    "host.id, host.name, account.name, host.system, host.software, host.threads, host.last_seen_at,"
    " (SELECT COUNT(*) FROM result WHERE host_id = host.id AND state = 'valid' AND ended_at >= ?1),"
    " (SELECT COUNT(*) FROM result WHERE host_id = host.id AND state IN ('invalid', 'failed', 'not_finite')"
    "  AND ended_at >= ?1),"
    " (SELECT COUNT(*) FROM result WHERE host_id = host.id AND state = 'lost' AND ended_at >= ?1),"
    " host.account_id, host.trust, account.trust, host.confirmed, host.disagreed, host.refuted, host.is_referee,"
    " host.quarantined_at, host.quarantine_reason, host.appeal, host.appealed_at, host.appeal_answer"
)


class HostRow(NamedTuple):
    """`good` and `bad`: verdicts since the asked instant; `lost`: leases that ran out. Instants in seconds."""

    id: int
    name: str
    owner: str
    system: str
    software: str
    threads: int
    last_seen_at: float | None
    good: int
    bad: int
    lost: int
    account_id: int
    trust: int
    account_trust: int
    confirmed: int
    disagreed: int
    refuted: int
    is_referee: bool
    quarantined_at: float | None
    quarantine_reason: str
    appeal: str
    appealed_at: float | None
    appeal_answer: str


class JudgedRow(NamedTuple):
    id: int
    project_id: int
    project: str
    round: int
    mini_batches: int
    purpose: str
    state: str
    ended_at: float | None
    suspicion: str
    sentence: str
    confirmed_at: float | None


class AuditedRow(NamedTuple):
    """`wrong`: the names of hosts whose results of it are invalid, each on a line."""

    unit: int
    project_id: int
    project: str
    round: int
    mini_batches: int
    verdict: str
    wrong: str | None


class RecordStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def hosts(self, which: str, search: str, since: dt.datetime, most: int, left_out: int = 0) -> list[HostRow]:
        """Attached ones, the newest first; `which`: one of all, doubted, quarantined, appealed, referees.

        Those doubted are the most doubted first. `left_out`: so many from the beginning. Not by when they were seen:
        between two pages that changes.
        """
        order = _ORDERS.get(which, _NEWEST)
        like = "%" + search.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._database.rows(
            # Counted for those that are shown only.
            f"SELECT {_COLUMNS} FROM (SELECT host.* FROM host JOIN account ON account.id = host.account_id"
            f" WHERE host.detached_at IS NULL AND {_WHICH[which]}"
            " AND (lower(host.name) LIKE ?2 ESCAPE '\\' OR account.folded LIKE ?2 ESCAPE '\\')"
            f" ORDER BY {order} LIMIT ?3 OFFSET ?4) AS host"
            f" JOIN account ON account.id = host.account_id ORDER BY {order}",
            since.timestamp(), like, most, left_out,
        )  # fmt: skip
        return [HostRow(*row) for row in rows]

    def host(self, host_id: int, since: dt.datetime) -> HostRow | None:
        """None when it was detached, too."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM host JOIN account ON account.id = host.account_id"
            " WHERE host.id = ?2 AND host.detached_at IS NULL",
            since.timestamp(), host_id,
        )  # fmt: skip
        return HostRow(*rows[0]) if rows else None

    def judged(self, host_id: int, most: int) -> list[JudgedRow]:
        """The host's newest results that are over, or wait for a verdict."""
        rows = self._database.rows(
            "SELECT result.id, project.id, project.name, unit.round, result.size, result.purpose, result.state,"
            " result.ended_at, result.suspicion, result.sentence, result.confirmed_at FROM result"
            " JOIN unit ON unit.id = result.unit_id JOIN project ON project.id = result.project_id"
            " WHERE result.host_id = ? AND result.state != 'leased' ORDER BY result.id DESC LIMIT ?",
            host_id, most,
        )  # fmt: skip
        return [JudgedRow(*row) for row in rows]

    def audits(self) -> dict[str, int]:
        """How many units of each word of AuditState, but for those that no referee was asked about."""
        return dict(self._database.rows("SELECT audit, COUNT(*) FROM unit WHERE audit != '' GROUP BY audit"))

    def audited(self, most: int) -> list[AuditedRow]:
        """Those found wrong first, then the newest."""
        rows = self._database.rows(
            "SELECT unit.id, project.id, project.name, unit.round, unit.size, unit.audit,"
            " (SELECT group_concat(DISTINCT host.name || char(10)) FROM result JOIN host ON host.id = result.host_id"
            "  WHERE result.unit_id = unit.id AND result.state = 'invalid')"
            " FROM (SELECT * FROM unit WHERE audit != '' ORDER BY audit = 'refuted' DESC, id DESC LIMIT ?) AS unit"
            " JOIN project ON project.id = unit.project_id ORDER BY unit.audit = 'refuted' DESC, unit.id DESC",
            most,
        )
        return [AuditedRow(*row) for row in rows]

    def set_referee(self, host_id: int, is_referee: bool) -> None:
        Host.update(is_referee=is_referee).where(Host.id == host_id).execute()

    def quarantined_of(self, account_id: int) -> int:
        """Machines of an account in quarantine; to detach one and join anew does not hide it."""
        condition = "account_id = ? AND quarantined_at IS NOT NULL"
        [(count,)] = self._database.rows(f"SELECT COUNT(*) FROM host WHERE {condition}", account_id)
        return int(count)

    def appeals(self) -> int:
        """How many wait for an operator."""
        condition = f"host.detached_at IS NULL AND {_WHICH['appealed']}"
        [(count,)] = self._database.rows(f"SELECT COUNT(*) FROM host WHERE {condition}")
        return int(count)

    def referees(self) -> int:
        """How many of the operators' machines referee; the server itself is not counted."""
        [(count,)] = self._database.rows("SELECT COUNT(*) FROM host WHERE is_referee AND detached_at IS NULL")
        return int(count)
