"""The exporter as the web process sees it: calls into one supervised process that ends when nobody wants files."""

import dataclasses
from pathlib import Path

import msgspec

from server.learning.learner import DEFAULT_LIMITS, NICE
from server.learning.worker import Worker
from server.rules.results import EventsRequest, ExportRequest
from volunteer.children.limits import Limits


class ChildExporter:
    """Implements the domain's Exporter. May be called from any thread; calls queue up.

    All raise LearnerFailed where the process died or took longer than `seconds`, and Refused for a plan that cannot
    be built.
    """

    def __init__(
        self, folder: Path, limits: Limits = DEFAULT_LIMITS, *, threads: int | None = None, seconds: float = 240.0,
        idle_seconds: float = 30.0,
    ) -> None:  # fmt: skip
        self._seconds = seconds
        self._worker = Worker(folder, dataclasses.replace(limits, nice=NICE), threads, idle_seconds)

    @property
    def pid(self) -> int | None:
        return self._worker.pid

    def export(self, request: ExportRequest) -> None:
        """Write a checkpoint as a model file."""
        self._worker.call("export", msgspec.to_builtins(request), self._seconds)

    def write_events(self, request: EventsRequest) -> None:
        """Write TensorBoard's event files."""
        self._worker.call("write_events", msgspec.to_builtins(request), self._seconds)

    def close(self) -> None:
        self._worker.close()
