"""Who may give another opinion on which unit: the hot path of checks. Reads; changes nothing.

Plain SQL over partial indices: nearly every request for work asks here, and nearly always there is nothing.
"""

import datetime as dt
from typing import NamedTuple

from server.rules.host_troubles import ASKED_ANEW
from server.rules.states import AuditState, Purpose
from server.storage.database import Database
from server.storage.tables import Unit

_IN_HAND = "('leased', 'reported', 'held', 'valid')"
"""States of results that are opinions, or will be."""

_WANTING = (
    f"seeks AND state != 'undone' AND opinions > (SELECT COUNT(*) FROM result WHERE unit_id = unit.id AND state IN"
    f" {_IN_HAND})"
)
_IN_ORDER = "ORDER BY state != 'open', id LIMIT ?"
_UNDER_NO_AUDIT = (
    "state != 'undone' AND NOT EXISTS (SELECT 1 FROM result WHERE unit_id = unit.id"
    f" AND purpose = '{Purpose.audit}' AND state IN ('leased', 'reported', 'held'))"
)


# Said which index: of two that begin with the project the planner takes the larger one.
_SEEKING = "unit INDEXED BY unit_seeking WHERE seeks"
_TO_AUDIT = f"unit INDEXED BY unit_audit_wanted WHERE audit = '{AuditState.wanted}'"


_SPEAKS_OF_IT = (
    "SELECT 1 FROM result JOIN host ON host.id = host_id WHERE unit_id = unit.id AND result.state IN ('held', 'valid')"
    " AND numeric_class"
)


class Standing(NamedTuple):
    """What the grid thinks of a host at this instant. `quarantine`: the reason, None where it is not in one."""

    is_blocked: bool
    is_detached: bool
    quarantine: str | None
    trust: int
    account_trust: int
    is_referee: bool
    numeric_class: str


class AwakeHost(NamedTuple):
    host: int
    account: int
    memory: int
    trust: int
    account_trust: int
    is_referee: bool
    numeric_class: str


class OpinionOn(NamedTuple):
    """A result that is an opinion on the unit, will be one, or was worth nothing; `unproven` when it was leased.

    `ended_at`: when it came, in seconds; None while it is computed.
    """

    unit: int
    host: int
    account: int
    numeric_class: str
    unproven: bool
    state: str
    ended_at: float | None


class CheckStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def standing(self, host_id: int) -> Standing:
        [(blocked, detached, since, reason, trust, account_trust, referee, numeric_class)] = self._database.rows(
            "SELECT account.blocked_at IS NOT NULL, detached_at IS NOT NULL, quarantined_at, quarantine_reason,"
            " host.trust, account.trust, is_referee, numeric_class FROM host"
            " JOIN account ON account.id = host.account_id WHERE host.id = ?",
            host_id,
        )
        quarantine = None if since is None else str(reason)
        return Standing(
            bool(blocked), bool(detached), quarantine, int(trust), int(account_trust), bool(referee), str(numeric_class)
        )

    def awake(self, since: dt.datetime) -> list[AwakeHost]:
        """Hosts that were heard of since then and may work."""
        rows = self._database.rows(
            "SELECT host.id, host.account_id, memory, host.trust, account.trust, is_referee, numeric_class FROM host"
            " JOIN account ON account.id = host.account_id WHERE last_seen_at >= ? AND detached_at IS NULL"
            " AND quarantined_at IS NULL AND blocked_at IS NULL",
            since.timestamp(),
        )
        return [AwakeHost(*row) for row in rows]

    def anything_sought(self) -> bool:
        """Whether any unit wants another opinion."""
        [(found,)] = self._database.rows(
            f"SELECT EXISTS(SELECT 1 FROM {_SEEKING}) OR EXISTS(SELECT 1 FROM {_TO_AUDIT})"
        )
        return bool(found)

    def wanting(self, project_id: int, most: int) -> list[Unit]:
        """Units with fewer opinions given or under way than they seek; those that a round waits for, then the oldest.

        A unit waits for nothing but opinions while it is open: so those come first.
        """
        return Unit.rows_where(f"project_id = ? AND {_WANTING} {_IN_ORDER}", project_id, most)

    def audits_wanted(self, most: int, project_id: int) -> list[Unit]:
        """Units of a project that a referee is to look at and none does yet, those that a round waits for first."""
        wanted = f"id IN (SELECT id FROM {_TO_AUDIT} AND project_id = ?)"
        return Unit.rows_where(f"{wanted} AND {_UNDER_NO_AUDIT} {_IN_ORDER}", project_id, most)

    def for_the_server(self, most: int, numeric_class: str) -> list[Unit]:
        """The same, of all projects that go on or are finished, and whose results the server can judge: where only
        machines of one numeric class can be compared, those of its own."""
        judged = "SELECT id FROM project WHERE state IN ('running', 'finished')"
        of_one_kind = "EXISTS (SELECT 1 FROM project WHERE id = project_id AND homogeneous)"
        own, others = f"EXISTS ({_SPEAKS_OF_IT} = ?1)", f"EXISTS ({_SPEAKS_OF_IT} != ?1)"
        wanted = f"id IN (SELECT id FROM {_TO_AUDIT}) AND project_id IN ({judged})"
        comparable = f"(NOT {of_one_kind} OR (?1 != '' AND {own} AND NOT {others}))"
        return Unit.rows_where(
            f"{wanted} AND {comparable} AND {_UNDER_NO_AUDIT} ORDER BY state != 'open', id LIMIT ?2",
            numeric_class, most,
        )  # fmt: skip

    def on(self, unit_ids: list[int]) -> dict[int, list[OpinionOn]]:
        """By unit, its results that count, will count or were worth nothing, and those whose host asked for other work.

        None of a host that fell silent or gave it back: it may be asked again.
        """
        found: dict[int, list[OpinionOn]] = {number: [] for number in unit_ids}
        marks = ", ".join("?" * len(unit_ids))
        rows = self._database.rows(
            "SELECT unit_id, host_id, account_id, numeric_class, unproven, state, ended_at FROM result JOIN host ON"
            f" host.id = result.host_id WHERE unit_id IN ({marks}) AND (state IN ('leased', 'reported', 'held',"
            " 'valid', 'invalid', 'not_finite', 'failed') OR state = 'lost' AND sentence = ?)",
            *unit_ids, ASKED_ANEW,
        )
        for row in rows:
            one = OpinionOn(*row)
            found[one.unit].append(one)
        return found

    def filled_by_unproven(self, project_id: int, number: int) -> int:
        """Mini-batches of a round that hosts without trust compute or have computed first."""
        [(size,)] = self._database.rows(
            "SELECT COALESCE(SUM(size), 0) FROM unit WHERE project_id = ? AND round = ? AND EXISTS (SELECT 1 FROM"
            f" result WHERE unit_id = unit.id AND unproven AND purpose = '{Purpose.work}' AND state IN {_IN_HAND})",
            project_id, number,
        )  # fmt: skip
        return int(size)

    def held_in_round(self, project_id: int, number: int) -> int:
        """Units of this round that were computed and wait for another opinion."""
        [(count,)] = self._database.rows(
            f"SELECT COUNT(*) FROM {_SEEKING} AND project_id = ? AND round = ? AND state = 'open'", project_id, number
        )
        return int(count)

    def projects_sought(self) -> list[int]:
        """Projects with units that seek opinions or an audit."""
        rows = self._database.rows(
            f"SELECT project_id FROM {_SEEKING} UNION SELECT project_id FROM {_TO_AUDIT}"
        )
        return [int(number) for (number,) in rows]

    def rounds_sought(self, project_id: int) -> set[int]:
        """Rounds of which a unit seeks opinions or an audit: their weights are still needed."""
        rows = self._database.rows(
            f"SELECT round FROM {_SEEKING} AND project_id = ?1 UNION SELECT round FROM {_TO_AUDIT} AND project_id = ?1",
            project_id,
        )
        return {int(number) for (number,) in rows}

    def sought(self, project_id: int) -> list[Unit]:
        """All units of a project that seek opinions or an audit, the oldest first."""
        return Unit.rows_where(
            f"id IN (SELECT id FROM {_SEEKING} AND project_id = ?1 UNION SELECT id FROM {_TO_AUDIT} AND"
            " project_id = ?1) ORDER BY id",
            project_id,
        )

    def unaudited(
        self, project_id: int, first: int, last: int, numeric_class: str | None = None
    ) -> list[tuple[int, str]]:
        """(unit, digest of its canonical result) of what counted in rounds `first` to `last`, by no referee; of hosts
        of that numeric class only, where one is given."""
        rows = self._database.rows(
            "SELECT unit.id, result.digest FROM unit JOIN result ON result.id = unit.canonical JOIN host ON host.id ="
            " result.host_id WHERE unit.project_id = ?1 AND unit.round BETWEEN ?2 AND ?3 AND unit.state = 'valid'"
            " AND audit = '' AND NOT is_referee AND (?4 IS NULL OR host.numeric_class = ?4)",
            project_id, first, last, numeric_class,
        )  # fmt: skip
        return [(int(number), str(digest)) for number, digest in rows]
