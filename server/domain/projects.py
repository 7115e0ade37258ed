"""What owners do with their projects: pause, resume, cancel, delete, download. Ownership is checked here."""

import contextlib
import csv
import datetime as dt
import io
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from server.domain.plans import Plans
from server.domain.ports import Intake, Ring
from server.domain.unused_blobs import delete_unused
from server.errors import Busy, NotAllowedNow, SomebodyElseWasFirst
from server.rules.incoming import Download
from server.rules.intake_values import WriteRequest
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project

_WRITERS = 2
"""Models being written at once: each takes a child process of up to 2 GiB."""
_SPARE_SECONDS = 60.0


class Projects:
    def __init__(self, stores: Stores, plans: Plans, intake: Intake, ring: Ring) -> None:
        self._stores = stores
        self._plans = plans
        self._intake = intake
        self._ring = ring
        self._writing = threading.BoundedSemaphore(_WRITERS)

    def pause(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """Hand nothing out any more; what is being computed may still come and count."""
        self._move(owner_id, project_id, ProjectState.paused, "Paused.", now)

    def resume(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """Go on after a pause, or try again after a project needed attention."""

        def prepare(project: Project) -> ProjectState:
            self._stores.work.forget_failures(project.id)
            return ProjectState.running if project.plan_sha256 else ProjectState.preparing

        self._move(owner_id, project_id, prepare, "Resumed.", now, running_since=now, reason="")
        self._ring("rounds")

    def cancel(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """End it for good; the weights of the last closed round stay."""
        self._move(owner_id, project_id, ProjectState.cancelled, "Cancelled.", now, ended_at=now)

    def delete(self, owner_id: int, project_id: int, now: dt.datetime) -> None:
        """Delete rows and blobs; hosts are told to drop their copies when they next ask for work."""
        with self._stores.database.write():
            project = self._stores.projects.owned(owner_id, project_id)
            names = self._stores.references.of_project(project_id)
            self._stores.projects.delete(project)
        delete_unused(self._stores, names)
        self._forget_written(project_id, spare=0.0)

    def download(self, owner_id: int, project_id: int, now: dt.datetime) -> Download:
        """The requestor's own file with the weights of the newest checkpoint; written once for each checkpoint.

        The file stays, for whoever asks next. Raises NotFound, NotAllowedNow, Busy, IntakeFailed.
        """
        project = self._stores.projects.owned(owner_id, project_id)
        checkpoint = self._stores.checkpoints.latest(project.id)
        if checkpoint is None:
            raise NotAllowedNow("There are no weights yet: the data is still being cut into shards.")
        folder = self._stores.folder / "outgoing"
        folder.mkdir(exist_ok=True, mode=0o700)
        ready = folder / f"{project.id}-{checkpoint.round}-{checkpoint.weights_sha256[:16]}.{project.source_kind}"
        try:
            # It is young again, so the collector leaves it.
            os.utime(ready)
        except FileNotFoundError:
            if not self._writing.acquire(blocking=False):
                raise Busy("Other models are being written just now. Try again in a moment.") from None
            try:
                self._write(project, checkpoint, ready)
            finally:
                self._writing.release()
        stem = Path(project.source_name).stem
        return Download(ready, f"{stem}-round-{checkpoint.round}{ready.suffix}")

    def _write(self, project: Project, checkpoint: Checkpoint, ready: Path) -> None:
        blobs = self._stores.blobs
        out = ready.with_name(f"{secrets.token_hex(12)}.{project.source_kind}")
        request = WriteRequest(
            original=str(blobs.path(project.source_sha256)), out=str(out),
            variables=tuple(self._plans.of(project.plan_sha256).variables), sources=tuple(project.sources),
            weights=str(blobs.path(checkpoint.weights_sha256)), frozen=str(blobs.path(project.frozen_sha256)),
        )  # fmt: skip
        os.replace(self._intake.write_model(request), ready)
        self._forget_written(project.id, spare=_SPARE_SECONDS)

    def _forget_written(self, project_id: int, spare: float) -> None:
        """Delete the project's written models but those of the last seconds: somebody may be about to open one."""
        for path in (self._stores.folder / "outgoing").glob(f"{project_id}-*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime >= spare:
                    path.unlink()

    def history_csv(self, owner_id: int, project_id: int) -> str:
        """One line a closed round; validation where its checkpoint was measured."""
        project = self._stores.projects.owned(owner_id, project_id)
        rounds = self._stores.rounds.closed(project.id)
        measured = {c.round - 1: c for c in self._stores.checkpoints.of_project(project.id) if c.evaluated_at}
        names = sorted({name for round_ in rounds for name in round_.metrics})
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(
            ["round", "epoch", "mini_batches", "examples", "seconds", "loss", *names, "validation_loss"]
            + [f"validation_{name}" for name in names]
        )
        for round_ in rounds:
            checkpoint = measured.get(round_.number)
            validation = checkpoint.validation_metrics if checkpoint else {}
            writer.writerow(
                [round_.number, round_.epoch, round_.used, round_.examples]
                + [f"{(round_.closed_at - round_.opened_at).total_seconds():.3f}", round_.loss]
                + [round_.metrics.get(name, "") for name in names]
                + [checkpoint.validation_loss if checkpoint else ""]
                + [validation.get(name, "") for name in names]
            )
        return text.getvalue()

    def _move(
        self, owner_id: int, project_id: int, new: ProjectState | Callable[[Project], ProjectState], sentence: str,
        now: dt.datetime, **columns: object,
    ) -> None:  # fmt: skip
        with self._stores.database.write():
            project = self._stores.projects.owned(owner_id, project_id)
            try:
                target = new if isinstance(new, ProjectState) else new(project)
                self._stores.projects.move(project, target, **columns)
            except SomebodyElseWasFirst:
                word = project.state.replace("_", " ")
                raise NotAllowedNow(f"The project is {word}; that cannot be done now.") from None
            self._stores.projects.say(project.id, sentence, now)
