"""What an owner sees of a project at an instant: computed from facts, nothing stored."""

import contextlib
import datetime as dt

import msgspec

from server.domain.curves import curves_of, trend_of
from server.domain.totals import Totals
from server.errors import NotFound
from server.rules import progress, views
from server.rules.finding import Finding
from server.rules.given import Given
from server.rules.settings_in_words import settings_in_words
from server.rules.states import ProjectState, RoundState, may_move
from server.rules.status import ONLINE_SECONDS, Situation, explain
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project, Round

_TREND_POINTS = 40
_MOST_REMEMBERED = 1000


class ProjectViews:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._totals = Totals(stores)
        self._settings: dict[int, list[tuple[str, str]]] = {}

    def list_for(self, owner_id: int, now: dt.datetime) -> list[views.ProjectSummary]:
        with self._stores.database.read():
            return [self._summary(project, now, trend=True) for project in self._stores.projects.of_owner(owner_id)]

    def view(self, owner_id: int, project_id: int, now: dt.datetime) -> views.ProjectView:
        """Raises NotFound, also for a stranger."""
        with self._stores.database.read():
            return self._view(self._stores.projects.owned(owner_id, project_id), now)

    def curves(self, owner_id: int, project_id: int, after: int = -1, measured_after: int = -1) -> views.Curves:
        """The curves from those rounds on, thinned. Raises NotFound, also for a stranger."""
        with self._stores.database.read():
            return curves_of(self._stores, self._stores.projects.owned(owner_id, project_id), after, measured_after)

    def _view(self, project: Project, now: dt.datetime) -> views.ProjectView:
        closed = self._stores.rounds.closed(project.id, progress.RECENT_ROUNDS)
        newest = self._stores.checkpoints.last_evaluated(project.id)
        last = closed[-1] if closed else None
        measured: dict[int, Checkpoint] = {}
        if last is not None:
            shown = self._stores.checkpoints.evaluated_between(project.id, closed[0].number + 1, last.number + 1)
            measured = {checkpoint.round: checkpoint for checkpoint in shown}
        open_ = self._open_round(project)
        given = self._totals.of(project.id, now)
        return views.ProjectView(
            summary=self._summary(project, now), created_at=project.created_at, k=project.settings["k"],
            batch_size=project.settings["batch_size"], mini_batches_per_epoch=project.mini_batches,
            used_in_epoch=self._used_in_epoch(project),
            used_in_round=open_.used if open_ else 0,
            hosts_at_work=self._stores.work.hosts_at_work(project.id),
            host_seconds=given.host_seconds,
            loss=last.loss if last else None, metrics=last.metrics if last else {},
            validation_loss=newest.validation_loss if newest else None,
            validation_metrics=newest.validation_metrics if newest else {},
            rounds=[round_view(round_, measured.get(round_.number + 1)) for round_ in closed],
            events=[views.EventView(e.at, e.sentence) for e in self._stores.projects.events(project.id)],
            facts=[(label, text) for label, text in project.facts],
            can_pause=may_move(project.state, ProjectState.paused),
            can_resume=project.state in (ProjectState.paused, ProjectState.needs_attention),
            one_kind=bool(project.homogeneous),
            can_cancel=may_move(project.state, ProjectState.cancelled),
            can_download=self._stores.checkpoints.get(project.id, 0) is not None,
            pace=self._pace(project, closed, given, now), measured_round=newest.round - 1 if newest else None,
            settings=project.settings, settings_in_words=self._settings_in_words(project.id),
            preprocessing=project.preprocessing, origin=self._origin(project),
        )  # fmt: skip

    def _origin(self, project: Project) -> int | None:
        """The project that it was cloned from, while that is there."""
        if project.origin is None:
            return None
        with contextlib.suppress(NotFound):
            return int(self._stores.projects.owned(project.owner_id, project.origin).id)
        return None

    def _settings_in_words(self, project_id: int) -> list[tuple[str, str]]:
        """From what the check of the draft found: it never changes, and takes a while to read."""
        known = self._settings.get(project_id)
        if known is not None:
            return known
        found: list[tuple[str, str]] = []
        draft = self._stores.drafts.of_project(project_id)
        # What an older program wrote down may lack what this one says.
        with contextlib.suppress(msgspec.ValidationError):
            if draft is not None and draft.findings is not None:
                found = settings_in_words(msgspec.convert(draft.findings, Finding))
        if len(self._settings) >= _MOST_REMEMBERED:
            self._settings.clear()
        # Whole at once: another thread may look meanwhile.
        self._settings[project_id] = found
        return found

    def _pace(self, project: Project, closed: list[Round], given: Given, now: dt.datetime) -> views.Pace:
        """Since it runs: what a pause took tells nothing about the rounds to come."""
        lately = [each for each in closed if project.running_since and each.opened_at >= project.running_since]
        rounds = lately or closed
        pace = views.Pace(
            round_seconds=progress.round_seconds(rounds), bytes_to_hosts=given.bytes_down,
            bytes_from_hosts=given.bytes_up, mini_batches_per_second=progress.mini_batches_per_second(rounds, now),
        )  # fmt: skip
        if project.state is not ProjectState.running:
            return msgspec.structs.replace(pace, mini_batches_per_second=None)
        left = (project.settings["epochs"] - project.epoch) * project.mini_batches - self._used_in_epoch(project)
        return msgspec.structs.replace(pace, seconds_left=progress.seconds_left(rounds, left, now))

    def _summary(self, project: Project, now: dt.datetime, trend: bool = False) -> views.ProjectSummary:
        epochs = project.settings["epochs"]
        in_epoch = self._used_in_epoch(project) if project.mini_batches else 0
        losses = trend_of(self._stores, project, _TREND_POINTS) if trend else []
        done = (project.epoch + in_epoch / max(project.mini_batches, 1)) / epochs
        if project.state is ProjectState.finished:
            # Also when it was stopped early: nothing is left to do.
            done = 1.0
        return views.ProjectSummary(
            id=project.id, name=project.name, state=project.state, status=explain(self._situation(project, now)),
            round=project.round, epoch=min(project.epoch, epochs), epochs=epochs, progress=min(done, 1.0),
            loss=losses[-1] if losses else None, trend=losses, created_at=project.created_at,
            ended_at=project.ended_at,
        )  # fmt: skip

    def _used_in_epoch(self, project: Project) -> int:
        """All that stands before the head of the queue is used; behind it are few. An epoch may have a million."""
        return int(project.head) + len(self._stores.rounds.used_places(project.id, project.epoch, project.head))

    def _situation(self, project: Project, now: dt.datetime) -> Situation:
        awake = self._stores.hosts.awake(now - dt.timedelta(seconds=ONLINE_SECONDS))
        able = [host for host in awake if host.memory >= project.memory_needed]
        open_ = self._open_round(project)
        return Situation(
            state=project.state, reason=project.reason, round=project.round,
            closing=open_ is not None and open_.state is RoundState.closing,
            hosts_at_work=self._stores.work.hosts_at_work(project.id), hosts_online=len(awake),
            hosts_with_memory=len(able), largest_memory=max((host.memory for host in awake), default=0),
            memory_needed=project.memory_needed,
            idle_since=self._stores.work.last_ended_at(project.id) or project.running_since,
            unconfirmed=self._stores.checks.held_in_round(project.id, project.round),
            one_kind=bool(project.homogeneous),
        )  # fmt: skip

    def _open_round(self, project: Project) -> Round | None:
        if not project.plan_sha256 or project.state is ProjectState.finished:
            return None
        return self._stores.rounds.get(project.id, project.round)


def round_view(round_: Round, checkpoint: Checkpoint | None) -> views.RoundView:
    return views.RoundView(
        number=round_.number, epoch=round_.epoch, mini_batches=round_.used, examples=round_.examples,
        loss=round_.loss, metrics=round_.metrics, seconds=(round_.closed_at - round_.opened_at).total_seconds(),
        validation_loss=checkpoint.validation_loss if checkpoint else None,
        validation_metrics=checkpoint.validation_metrics if checkpoint else {},
    )  # fmt: skip
