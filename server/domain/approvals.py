"""Projects of new requestors: an operator says yes before any volunteer sees them, or no."""

import datetime as dt

from server.domain.action_log import ActionLog
from server.domain.notices import Notices
from server.domain.office import require_operator, require_words
from server.domain.ports import Ring
from server.errors import NotAllowedNow, SomebodyElseWasFirst
from server.rules.admission import Admission
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Project


def must_wait(stores: Stores, admission: Admission, owner_id: int) -> bool:
    """Whether what this account submits waits for an operator: none of its projects was let begin yet."""
    if not admission.approve_new_requestors:
        return False
    owner = stores.accounts.by_id(owner_id)
    if owner is None or owner.is_operator or owner.approved_at is not None:
        return False
    return not any(project.running_since for project in stores.projects.of_owner(owner_id))


class Approvals:
    """Every method raises NotFound to who is no operator, and NotAllowedNow for a project that does not wait."""

    def __init__(self, stores: Stores, notices: Notices, ring: Ring) -> None:
        self._stores = stores
        self._notices = notices
        self._ring = ring
        self._log = ActionLog(stores)

    def approve(self, operator_id: int, project_id: int, now: dt.datetime) -> None:
        """It begins, with all that its owner has waiting; later ones of the account wait no more."""
        with self._stores.database.write():
            project = self._waiting(operator_id, project_id)
            owner = self._stores.accounts.by_id(project.owner_id)
            if owner is None or owner.blocked_at is not None:
                raise NotAllowedNow("The account of this project is blocked. Unblock it first.")
            self._stores.accounts.change(project.owner_id, approved_at=now)
            for one in self._stores.projects.of_owner(project.owner_id):
                if one.state is ProjectState.awaiting_approval:
                    self._begin(one, now)
            self._log.note(operator_id, "approved project", _named(project), f"of {owner.name}", now)
        self._ring("rounds")

    def refuse(self, operator_id: int, project_id: int, reason: str, now: dt.datetime) -> None:
        """It is cancelled, and its owner is told why; the next one of the account waits again."""
        reason = require_words(reason)
        with self._stores.database.write():
            project = self._waiting(operator_id, project_id)
            self._move(project, ProjectState.cancelled, ended_at=now)
            self._notices.not_approved(project, reason, now)
            self._log.note(operator_id, "refused project", _named(project), reason, now)

    def _begin(self, project: Project, now: dt.datetime) -> None:
        self._move(project, ProjectState.running, running_since=now)
        self._stores.rounds.begin_now(project.id, project.round, now)
        self._notices.approved(project, now)

    def _waiting(self, operator_id: int, project_id: int) -> Project:
        require_operator(self._stores, operator_id)
        project = self._stores.projects.by_id(project_id)
        if project.state is not ProjectState.awaiting_approval:
            raise NotAllowedNow("This project does not wait for an approval.")
        return project

    def _move(self, project: Project, new: ProjectState, **columns: object) -> None:
        try:
            self._stores.projects.move(project, new, **columns)
        except SomebodyElseWasFirst:
            raise NotAllowedNow("This project does not wait for an approval.") from None


def _named(project: Project) -> str:
    return f"{project.name} ({project.id})"
