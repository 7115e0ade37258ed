"""What owners do with their projects: pause, resume, cancel, delete. Ownership is checked here."""

import datetime as dt
from collections.abc import Callable

from server.domain.ports import Ring
from server.domain.ready_files import ReadyFiles
from server.domain.unused_blobs import delete_unused
from server.errors import NotAllowedNow, SomebodyElseWasFirst
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Project

_ONE_KIND = "From now on only machines of one kind are compared with each other, as its owner wants it."
_ALL_KINDS = "From now on machines of all kinds are compared with each other, as its owner wants it."


class Projects:
    def __init__(self, stores: Stores, ring: Ring) -> None:
        self._stores = stores
        self._ring = ring
        self._files = ReadyFiles(stores.folder)

    def pause(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """Hand nothing out any more; what is being computed may still come and count."""
        self._move(owner_id, project_id, ProjectState.paused, "Paused.", now)

    def resume(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """Go on after a pause, or try again after a project needed attention."""

        def prepare(project: Project) -> ProjectState:
            if project.state is ProjectState.awaiting_approval:
                # It may become running, but by an operator's hand.
                raise NotAllowedNow("The project waits for the operator of the grid to approve it.")
            self._stores.work.forget_failures(project.id)
            return ProjectState.running if project.plan_sha256 else ProjectState.preparing

        self._move(owner_id, project_id, prepare, "Resumed.", now, reason="")
        self._ring("rounds")

    def cancel(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """End it for good; the weights of the last closed round stay."""
        self._move(owner_id, project_id, ProjectState.cancelled, "Cancelled.", now, ended_at=now)

    def compare_one_kind(self, owner_id: int, project_id: int, one_kind: bool, now: dt.datetime) -> None:
        """Whether only machines of one kind check each other's gradients. Raises NotAllowedNow when it is over."""
        with self._stores.database.write():
            project = self._stores.projects.owned(owner_id, project_id)
            if project.state in (ProjectState.finished, ProjectState.cancelled):
                raise NotAllowedNow(f"The project is {project.state}; that cannot be done now.")
            if bool(project.homogeneous) is one_kind:
                return
            self._stores.projects.set_homogeneous(project_id, one_kind)
            self._stores.projects.say(project_id, _ONE_KIND if one_kind else _ALL_KINDS, now)
        self._ring("rounds")

    def delete(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """Delete rows and blobs; hosts are told to drop their copies when they next ask for work."""
        with self._stores.database.write():
            project = self._stores.projects.owned(owner_id, project_id)
            names = self._stores.references.of_project(project_id)
            self._stores.overview.keep_work(project_id)
            self._stores.projects.delete(project)
        delete_unused(self._stores, names)
        self._files.forget(project_id)

    def _move(
        self, owner_id: int, project_id: int, new: ProjectState | Callable[[Project], ProjectState], sentence: str,
        now: dt.datetime, **columns: object,
    ) -> None:  # fmt: skip
        with self._stores.database.write():
            project = self._stores.projects.owned(owner_id, project_id)
            try:
                target = new if isinstance(new, ProjectState) else new(project)
                if target is ProjectState.running:
                    # Not while it is prepared: to have run once lets an account begin without an operator's yes.
                    columns["running_since"] = now
                self._stores.projects.move(project, target, **columns)
            except SomebodyElseWasFirst:
                word = project.state.replace("_", " ")
                raise NotAllowedNow(f"The project is {word}; that cannot be done now.") from None
            self._stores.projects.say(project.id, sentence, now)
