"""What operators see and do: accounts, hosts, projects, letters. Everybody else learns that there is nothing here.

Every change is a line of the action log.
"""

import datetime as dt
import shutil

from server.domain.action_log import ActionLog
from server.domain.host_records import end_office, host_rows
from server.domain.office import require_operator
from server.domain.passwords import new_session_key
from server.domain.ports import Ring
from server.errors import NotAllowedNow, NotFound, SomebodyElseWasFirst
from server.rules.states import ProjectState, ResultState
from server.storage.account_tables import Account
from server.storage.stores import Stores
from server.storage.tables import Project
from volunteer.protocol import account_messages as views

_MOST = 200
_BLOCKED = "The account is blocked by the operator of the grid."


class Operating:
    """Every method raises NotFound to who is no operator."""

    def __init__(self, stores: Stores, ring: Ring, settings: list[tuple[str, str]]) -> None:
        """`settings`: as people may read them, without secrets."""
        self._stores = stores
        self._ring = ring
        self._settings = settings
        self._log = ActionLog(stores)

    def accounts(self, operator_id: int, search: str, now: dt.datetime) -> list[views.AccountRow]:
        require_operator(self._stores, operator_id)
        return [
            views.AccountRow(
                id=row.id, name=row.name, email=row.email, created_at=_instant(row.created_at),
                is_operator=bool(row.is_operator),
                blocked_at=None if row.blocked_at is None else _instant(row.blocked_at),
                hosts=row.hosts, projects=row.projects,
            )
            for row in self._stores.operating.accounts(" ".join(search.split())[:100], _MOST)
        ]  # fmt: skip

    def overview(self, operator_id: int, now: dt.datetime) -> views.Overview:
        require_operator(self._stores, operator_id)
        operating = self._stores.operating
        waiting, sent, given_up = self._stores.letters.counts()
        disk = shutil.disk_usage(self._stores.folder)
        database = sum(path.stat().st_size for path in self._stores.folder.glob("grid.db*"))
        return views.Overview(
            hosts=host_rows(self._stores, "all", "", now),
            projects=[
                views.ProjectRow(
                    row.id, row.name, row.owner, ProjectState(row.state), row.reason, row.round,
                    _instant(row.created_at), row.facts,
                )
                for row in operating.projects(_MOST)
            ],
            letters=[
                views.LetterRow(
                    row.id, row.channel, row.created_at, row.due_at, row.tries, row.given_up_at, row.trouble
                )
                for row in self._stores.letters.unfinished(_MOST)
            ],
            letters_waiting=waiting, letters_sent=sent, letters_given_up=given_up,
            disk_used=disk.used, disk_free=disk.free, database_size=database,
            accounts=operating.count_accounts(), appeals=self._stores.records.appeals(),
            approvals=self._stores.projects.count_in_state(ProjectState.awaiting_approval), settings=self._settings,
            events=[
                views.GridEvent(_instant(row.at), row.project_id, row.project, row.sentence)
                for row in operating.events(60)
            ],
        )  # fmt: skip

    def block(self, operator_id: int, account_id: int, now: dt.datetime) -> None:
        """No log-in, no token, no work for its hosts from now on; its running projects pause. Raises NotAllowedNow."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            row = self._account(account_id)
            if row.is_operator:
                raise NotAllowedNow("An operator cannot be blocked; take the office away first.")
            self._stores.accounts.change(account_id, blocked_at=now, session_key=new_session_key())
            for host in self._stores.hosts.of_account(account_id):
                for result in self._stores.work.leased_to(host.id):
                    self._stores.work.move(
                        result, ResultState.lost, ended_at=now, sentence="The host's account was blocked."
                    )
            for project in self._stores.projects.of_owner(account_id):
                self._halt(project, now)
            self._note(operator_id, "blocked account", row, now)

    def unblock(self, operator_id: int, account_id: int, now: dt.datetime) -> None:
        """Its projects stay paused until their owner resumes them."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            row = self._account(account_id)
            self._stores.accounts.change(account_id, blocked_at=None)
            self._note(operator_id, "unblocked account", row, now)

    def appoint(self, operator_id: int, account_id: int, now: dt.datetime) -> None:
        """Make an operator. Raises NotAllowedNow for who is blocked."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            row = self._account(account_id)
            if row.blocked_at is not None:
                raise NotAllowedNow("This account is blocked.")
            self._stores.accounts.change(account_id, is_operator=True)
            self._note(operator_id, "made an operator of", row, now)

    def dismiss(self, operator_id: int, account_id: int, now: dt.datetime) -> None:
        """No operator any more. Raises NotAllowedNow for the last one."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            row = self._account(account_id)
            if not self._stores.operating.other_operators(account_id):
                raise NotAllowedNow("The grid needs an operator. Make somebody else one first.")
            self._stores.accounts.change(account_id, is_operator=False)
            # Referees are machines of operators.
            for host in self._stores.hosts.of_account(account_id):
                if host.is_referee:
                    end_office(self._stores, host, now)
            self._note(operator_id, "took the operator's office from", row, now)

    def cancel_project(self, operator_id: int, project_id: int, now: dt.datetime) -> None:
        """Raises NotFound, NotAllowedNow."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            project = self._stores.projects.by_id(project_id)
            try:
                self._stores.projects.move(project, ProjectState.cancelled, ended_at=now)
            except SomebodyElseWasFirst:
                raise NotAllowedNow("This project is over already.") from None
            self._stores.projects.say(project_id, "Cancelled by the operator of the grid.", now)
            self._log.note(operator_id, "cancelled project", f"{project.name} ({project_id})", "", now)

    def retry_letter(self, operator_id: int, letter_id: int, now: dt.datetime) -> None:
        """Try it now. Raises NotFound when it does not wait."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            self._stores.letters.hurry(letter_id, now)
            self._log.note(operator_id, "had a letter tried again", f"letter {letter_id}", "", now)
        self._ring("letters")

    def _halt(self, project: Project, now: dt.datetime) -> None:
        """What is being prepared would otherwise begin to run by itself."""
        if project.state is ProjectState.running:
            self._stores.projects.move(project, ProjectState.paused)
            self._stores.projects.say(project.id, f"Paused: {_BLOCKED}", now)
        elif project.state is ProjectState.preparing:
            self._stores.projects.move(project, ProjectState.needs_attention, reason=_BLOCKED)
            self._stores.projects.say(project.id, f"Needs attention: {_BLOCKED}", now)

    def _account(self, account_id: int) -> Account:
        row = self._stores.accounts.by_id(account_id)
        if row is None or row.deleted_at is not None:
            raise NotFound("There is no such account.")
        return row

    def _note(self, operator_id: int, what: str, row: Account, now: dt.datetime) -> None:
        self._log.note(operator_id, what, f"{row.name} ({row.id})", "", now)


def _instant(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
