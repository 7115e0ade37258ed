"""What operators look at: accounts, hosts, projects and events of everybody."""

import json
from typing import NamedTuple

from server.storage.database import Database


class AccountRow(NamedTuple):
    id: int
    name: str
    email: str
    created_at: float
    is_operator: bool
    blocked_at: float | None
    hosts: int
    projects: int


class ProjectRow(NamedTuple):
    id: int
    name: str
    owner: str
    state: str
    reason: str
    round: int
    created_at: float
    facts: list[tuple[str, str]]


class EventRow(NamedTuple):
    at: float
    project_id: int
    project: str
    sentence: str


class OperatingStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts(self, search: str, most: int) -> list[AccountRow]:
        """Those whose name or address holds the text, newest first; deleted ones are not shown."""
        like = "%" + search.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self._database.rows(
            "SELECT id, name, email, created_at, is_operator, blocked_at,"
            " (SELECT COUNT(*) FROM host WHERE account_id = account.id AND detached_at IS NULL),"
            " (SELECT COUNT(*) FROM project WHERE owner_id = account.id) FROM account"
            " WHERE deleted_at IS NULL AND (folded LIKE ? ESCAPE '\\' OR lower(email) LIKE ? ESCAPE '\\')"
            " ORDER BY id DESC LIMIT ?",
            like, like, most,
        )  # fmt: skip
        return [AccountRow(*row) for row in rows]

    def projects(self, most: int) -> list[ProjectRow]:
        """What waits for an operator comes first, with what is known of it, then what is not over, then the newest."""
        rows = self._database.rows(
            "SELECT project.id, project.name, account.name, state, reason, round, project.created_at,"
            " CASE WHEN state = 'awaiting_approval' THEN facts ELSE '[]' END FROM project"
            " JOIN account ON account.id = project.owner_id"
            " ORDER BY state != 'awaiting_approval', state IN ('finished', 'cancelled'), project.id DESC LIMIT ?",
            most,
        )
        return [ProjectRow._make((*row[:-1], [tuple(fact) for fact in json.loads(row[-1])])) for row in rows]

    def events(self, most: int) -> list[EventRow]:
        rows = self._database.rows(
            "SELECT event.at, project.id, project.name, event.sentence FROM event JOIN project ON"
            " project.id = event.project_id ORDER BY event.id DESC LIMIT ?",
            most,
        )
        return [EventRow(*row) for row in rows]

    def count_accounts(self) -> int:
        [(count,)] = self._database.rows("SELECT COUNT(*) FROM account WHERE deleted_at IS NULL")
        return int(count)

    def operators(self) -> list[int]:
        """Their accounts' numbers."""
        rows = self._database.rows(
            "SELECT id FROM account WHERE is_operator AND deleted_at IS NULL AND blocked_at IS NULL ORDER BY id"
        )
        return [int(number) for (number,) in rows]

    def other_operators(self, account_id: int) -> int:
        """How many others could do an operator's work."""
        [(count,)] = self._database.rows(
            "SELECT COUNT(*) FROM account WHERE is_operator AND deleted_at IS NULL AND blocked_at IS NULL AND id != ?",
            account_id,
        )
        return int(count)
