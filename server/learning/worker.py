"""One supervised learner process: started when first needed, started again when it died, ended when idle."""

import logging
import threading
import time
from pathlib import Path
from typing import Any

from server.rules.learning_values import LearnerFailed
from volunteer.children.child import Child, ChildGone, ChildSilent
from volunteer.children.limits import Limits
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)

# A learner has no use for a graphics card, and looking for one takes time.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
START_SECONDS = 120.0


class Worker:
    """Calls from several threads queue up. With `idle_seconds` the process ends when unused so long."""

    def __init__(
        self, folder: Path, limits: Limits, threads: int | None = None, idle_seconds: float | None = None
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._threads = threads
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._last_used = 0.0
        self._closed = False

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None and child.alive else None

    def call(self, name: str, request: Any, seconds: float) -> Any:
        """The answer to one call, as plain data.

        Raises Refused where the project is at fault. Raises LearnerFailed when the process died, ran out of
        memory or took longer than `seconds`; the next call finds a new process.
        """
        with self._lock:
            if self._closed:
                raise LearnerFailed("The learner was closed.")
            try:
                answer = self._exchange(self._running(), name, request, seconds)
            finally:
                self._last_used = time.monotonic()
        if "refused" in answer:
            raise Refused(answer["refused"], answer["field"])
        if "failed" in answer:
            raise LearnerFailed(answer["failed"])
        return answer["result"]

    def start(self) -> None:
        """Start the process ahead of the first call, so that it does not pay for it."""
        with self._lock:
            if not self._closed:
                self._running()

    def close(self) -> None:
        """End the process; calls under way fail, later ones too."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()

    def _running(self) -> Child:
        if self._child is not None and self._child.alive:
            return self._child
        self._discard()
        environment = {**_ENVIRONMENT, "NUMBA_CACHE_DIR": str(self._folder / "kernels")}
        self._child = Child("server.learning.child", self._folder, self._limits, environment=environment)
        self._exchange(self._child, "prepare", {"threads": self._threads}, START_SECONDS)
        self._last_used = time.monotonic()
        if self._idle_seconds is not None:
            threading.Thread(target=self._end_when_idle, args=(self._child,), daemon=True).start()
        return self._child

    def _exchange(self, child: Child, name: str, request: Any, seconds: float) -> dict[str, Any]:
        try:
            child.send({"call": name, "request": request})
            answer = child.receive(seconds)
        except ChildGone as gone:
            self._discard()
            _LOG.warning("a learner died with %s while it did %s:\n%s", gone.exit_code, name, gone.last_words)
            raise LearnerFailed(f"The learner died (exit code {gone.exit_code}).") from gone
        except ChildSilent as silent:
            self._discard()
            raise LearnerFailed(f"The learner took longer than {seconds:.0f} s.") from silent
        if answer.get("lost"):
            self._discard()
        if "failed" in answer:
            _LOG.warning("a learner failed at %s: %s\n%s", name, answer["failed"], answer.get("trace", ""))
        return answer

    def _discard(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._child = None

    def _end_when_idle(self, child: Child) -> None:
        assert self._idle_seconds is not None
        while child.alive:
            time.sleep(min(self._idle_seconds, 1.0))
            if self._lock.acquire(blocking=False):
                try:
                    if self._child is child and time.monotonic() - self._last_used >= self._idle_seconds:
                        self._discard()
                finally:
                    self._lock.release()
