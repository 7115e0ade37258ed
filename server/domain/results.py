"""What owners take home at any time: the model in several formats, history, recipe. Ownership is checked here."""

import datetime as dt
import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from server.domain.history import History
from server.domain.plans import Plans
from server.domain.ports import Exporter, Intake
from server.domain.ready_files import Places, ReadyFiles
from server.domain.recipe import Recipe
from server.errors import NotAcceptable, NotAllowedNow, NotFound, NotWritten
from server.rules.code_sample import sample
from server.rules.incoming import Download
from server.rules.intake_values import IntakeFailed, WriteRequest
from server.rules.learning_values import LearnerFailed
from server.rules.results import (
    BEST,
    LATEST,
    SUFFIXES,
    EventsRequest,
    ExportRequest,
    HistoryRow,
    KeptView,
    ModelKind,
    ResultsView,
    file_name,
    read_kind,
    read_which,
)
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)

_BUSY = "Other models are being written just now. Try again in a moment."
_MOST_SHOWN = 100
_WRITERS, _CONVERTERS = 2, 1
"""Of own files at once: each takes a child process of up to 2 GiB. Conversions share one process."""


class Results:
    def __init__(
        self, stores: Stores, plans: Plans, intake: Intake, exporter: Exporter, least_free_bytes: int = 0
    ) -> None:
        self._stores = stores
        self._plans = plans
        self._intake = intake
        self._exporter = exporter
        self._history = History(stores, plans)
        self._files = ReadyFiles(stores.folder, least_free_bytes)
        self._writing = Places(_WRITERS, _BUSY)
        self._converting = Places(_CONVERTERS, _BUSY)
        # The page asks every two seconds; a plan is long to look through.
        self._sample = functools.lru_cache(maxsize=64)(self._written_sample)

    def view(self, owner_id: int, project_id: int) -> ResultsView:
        """What can be taken home now. Raises NotFound."""
        project = self._stores.projects.owned(owner_id, project_id)
        kept = [_kept(checkpoint) for checkpoint in self._stores.checkpoints.kept(project.id, _MOST_SHOWN)]
        best = self._stores.checkpoints.best_kept(project.id)
        return ResultsView(
            project_id=project.id, name=project.name, source_name=project.source_name, kept=kept,
            latest=kept[0] if kept else None, best=_kept(best) if best else None,
            has_preprocessing=bool(project.preprocessing),
            sample=self._sample(project.id, kept[0].round) if kept else "",
        )  # fmt: skip

    def download(self, owner_id: int, project_id: int, which: str, kind: str, now: dt.datetime) -> Download:
        """The model of the newest, the best or a certain round's weights, as one of ModelKind; written once for each.

        Raises NotFound, NotAcceptable, NotAllowedNow, Busy, NotWritten.
        """
        project = self._stores.projects.owned(owner_id, project_id)
        sort = read_kind(kind)
        checkpoint = self._checkpoint(project, read_which(which))
        version = f"{checkpoint.round}-{checkpoint.weights_sha256[:16]}"
        own = sort is ModelKind.own
        suffix, places = (f".{project.source_kind}", self._writing) if own else (SUFFIXES[sort], self._converting)

        def write(out: Path) -> None:
            if own:
                self._write_own(project, checkpoint, out)
            else:
                self._convert(project, checkpoint, sort, out)

        path = self._files.get(project.id, sort, version, suffix, places, lambda out: _tried(lambda: write(out)))
        return Download(path, file_name(project.source_name, project.source_kind, checkpoint.round, sort))

    def history(self, owner_id: int, project_id: int) -> Iterator[HistoryRow]:
        """One row a closed round, read as they are asked for. Raises NotFound at once."""
        return self._history.rows(self._stores.projects.owned(owner_id, project_id))

    def tensorboard(self, owner_id: int, project_id: int, now: dt.datetime) -> Download:
        """The history as TensorBoard's event files, in a zip. Raises NotFound, NotAllowedNow, Busy, NotWritten."""
        project = self._stores.projects.owned(owner_id, project_id)
        if not self._stores.rounds.closed_after(project.id, -1, 1):
            raise NotAllowedNow("No round is closed yet: there is no history to show.")
        version = self._history.version(project)
        path = self._files.get(
            project.id, "tensorboard", version, ".zip", self._converting,
            lambda out: _tried(lambda: self._write_events(project, out)),
        )  # fmt: skip
        return Download(path, f"{Path(project.source_name).stem}-tensorboard.zip")

    def recipe(self, owner_id: int, project_id: int, now: dt.datetime) -> Iterator[bytes]:
        """All that a replay needs to know, as JSON in pieces. Raises NotFound and NotAllowedNow at once."""
        project = self._stores.projects.owned(owner_id, project_id)
        if not project.plan_sha256:
            raise NotAllowedNow("There is no recipe yet: the data is still being cut into shards.")
        return Recipe(self._stores, self._history, project).pieces(now)

    def preprocessing(self, owner_id: int, project_id: int) -> dict[str, Any]:
        """What was done to the data before training; empty where nothing was."""
        found: dict[str, Any] = self._stores.projects.owned(owner_id, project_id).preprocessing
        return found

    def _checkpoint(self, project: Project, which: str | int) -> Checkpoint:
        checkpoints = self._stores.checkpoints
        latest = checkpoints.latest(project.id)
        if latest is None:
            raise NotAllowedNow("There are no weights yet: the data is still being cut into shards.")
        if which == LATEST:
            return latest
        if which == BEST:
            best = checkpoints.best_kept(project.id)
            if best is None:
                raise NotAllowedNow("Nothing has been measured on validation data yet, so no weights are the best.")
            return best
        found = checkpoints.get(project.id, int(which))
        if found is None or not found.weights_sha256:
            raise NotFound(f"The weights of round {which} are not kept.")
        return found

    def _write_own(self, project: Project, checkpoint: Checkpoint, out: Path) -> None:
        blobs = self._stores.blobs
        self._intake.write_model(
            WriteRequest(
                original=str(blobs.path(project.source_sha256)), out=str(out),
                variables=tuple(self._plans.of(project.plan_sha256).variables), sources=tuple(project.sources),
                weights=str(blobs.path(checkpoint.weights_sha256)), frozen=str(blobs.path(project.frozen_sha256)),
            )
        )  # fmt: skip

    def _convert(self, project: Project, checkpoint: Checkpoint, kind: ModelKind, out: Path) -> None:
        blobs, state = self._stores.blobs, checkpoint.optimizer_sha256
        self._exporter.export(
            ExportRequest(
                plan=str(blobs.path(project.plan_sha256)), frozen=str(blobs.path(project.frozen_sha256)),
                weights=str(blobs.path(checkpoint.weights_sha256)),
                optimizer=str(blobs.path(state)) if state else None, kind=kind, out=str(out.absolute()),
            )
        )  # fmt: skip

    def _write_events(self, project: Project, out: Path) -> None:
        rows = self._files.scratch(".rows")
        try:
            with rows.open("wb") as file:
                file.writelines(msgspec.json.encode(row) + b"\n" for row in self._history.rows(project))
            self._exporter.write_events(EventsRequest(rows=str(rows.absolute()), out=str(out.absolute())))
        finally:
            rows.unlink(missing_ok=True)

    def _written_sample(self, project_id: int, number: int) -> str:
        """Of the round's `.keras` file: what it is made from never changes."""
        project = self._stores.projects.by_id(project_id)
        file = file_name(project.source_name, project.source_kind, number, ModelKind.keras)
        return sample(file, self._plans.of(project.plan_sha256), project.preprocessing)


def _tried(write: Callable[[], object]) -> None:
    """Why a file could not be written is for the log; that a format cannot hold the model is for people."""
    try:
        write()
    except Refused as refused:
        raise NotAcceptable(refused.sentence, "format") from refused
    except (LearnerFailed, IntakeFailed) as error:
        _LOG.warning("a file for download could not be written: %s", error)
        raise NotWritten from error


def _kept(checkpoint: Checkpoint) -> KeptView:
    return KeptView(
        round=checkpoint.round, epoch=checkpoint.epoch + (1 if checkpoint.ends_epoch else 0),
        ends_epoch=checkpoint.ends_epoch, size=checkpoint.weights_size, validation_loss=checkpoint.validation_loss,
        validation_metrics=checkpoint.validation_metrics,
    )  # fmt: skip
