"""Projects, their shards and their events."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from peewee import fn

from server.errors import NotFound, SomebodyElseWasFirst
from server.rules.states import ProjectState, may_move
from server.storage.tables import Event, Project, Shard

MOST_EVENTS = 500


class ProjectStore:
    def add(self, **columns: Any) -> Project:
        return Project.create(state=ProjectState.preparing, **columns)

    def by_id(self, project_id: int) -> Project:
        project = Project.row_where("id = ?", project_id)
        if project is None:
            raise NotFound("There is no such project.")
        return project

    def owned(self, owner_id: int, project_id: int) -> Project:
        """Raises NotFound also when it is somebody else's: a stranger does not learn that it exists."""
        project = Project.get_or_none(Project.id == project_id, Project.owner == owner_id)
        if project is None:
            raise NotFound("There is no such project.")
        return project

    def of_owner(self, owner_id: int) -> list[Project]:
        return list(Project.select().where(Project.owner == owner_id).order_by(Project.id.desc()))

    def in_state(self, state: ProjectState) -> list[Project]:
        return Project.rows_where("state = ? ORDER BY id", state.value)

    def in_play(self, since: dt.datetime) -> list[Project]:
        """Those that are running, and those that have finished since then."""
        return Project.rows_where(
            "state = 'running' OR (state = 'finished' AND ended_at >= ?) ORDER BY id", since.timestamp()
        )

    def every(self) -> list[Project]:
        return list(Project.select().order_by(Project.id))

    def move(self, project: Project, new: ProjectState, **columns: Any) -> None:
        """A guarded change of state. Raises SomebodyElseWasFirst when it is not in the state that was read."""
        old = project.state
        if not may_move(old, new):
            raise SomebodyElseWasFirst(f"A project that is {old} cannot become {new}.")
        moved = (
            Project.update(state=new, **columns).where(Project.id == project.id, Project.state == old).execute()
        )
        if moved != 1:
            raise SomebodyElseWasFirst()
        project.state = new

    def advance(self, project_id: int, number: int, epoch: int, head: int) -> None:
        """The project's open round is now `number`. Raises SomebodyElseWasFirst when it was not `number - 1`."""
        moved = (
            Project.update(round=number, epoch=epoch, head=head)
            .where(Project.id == project_id, Project.round == number - 1)
            .execute()
        )
        if moved != 1:
            raise SomebodyElseWasFirst()

    def go_back(self, project: Project, number: int, epoch: int, head: int) -> None:
        """As `advance`, to an earlier round. Raises SomebodyElseWasFirst when it is not in the round that was read."""
        moved = (
            Project.update(round=number, epoch=epoch, head=head)
            .where(Project.id == project.id, Project.round == project.round)
            .execute()
        )
        if moved != 1:
            raise SomebodyElseWasFirst()

    def set_homogeneous(self, project_id: int, homogeneous: bool) -> None:
        """Whether opinions on a unit come from hosts of one numeric class only."""
        Project.update(homogeneous=homogeneous).where(Project.id == project_id).execute()

    def delete(self, project: Project) -> None:
        Project.delete().where(Project.id == project.id).execute()

    def add_shards(self, shards: Iterable[dict[str, Any]]) -> None:
        for shard in shards:
            Shard.create(**shard)

    def shards(self, project_id: int, validation: bool = False) -> list[Shard]:
        return Shard.rows_where("project_id = ? AND validation = ? ORDER BY number", project_id, validation)

    def say(self, project_id: int, sentence: str, now: dt.datetime) -> None:
        """Add a line to the project's event log; of a long log the oldest lines are let go of."""
        Event.create(project=project_id, at=now, sentence=sentence)
        kept = Event.select(Event.id).where(Event.project == project_id).order_by(Event.id.desc())
        oldest = kept.offset(MOST_EVENTS - 1).limit(1).scalar()
        if oldest is not None:
            Event.delete().where(Event.project == project_id, Event.id < oldest).execute()

    def say_instead(self, event: Event, sentence: str) -> None:
        """The line says more now than when it was written."""
        Event.update(sentence=sentence).where(Event.id == event.id).execute()

    def events(self, project_id: int, most: int = 50) -> list[Event]:
        return list(Event.select().where(Event.project == project_id).order_by(Event.id.desc()).limit(most))

    def count_in_state(self, state: ProjectState) -> int:
        return int(Project.select(fn.COUNT(Project.id)).where(Project.state == state).scalar())
