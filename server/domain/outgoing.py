"""Files written for owners to fetch: each once, kept for whoever asks next, and never many written at once."""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from server.errors import Busy

_SPARE_SECONDS = 60.0
"""Somebody may be about to open a file that is as young as that."""


class Places:
    """How many files of a sort may be written at the same time: each takes a child process."""

    def __init__(self, count: int, busy: str) -> None:
        self._places = threading.BoundedSemaphore(count)
        self._busy = busy

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Raises Busy when all are taken: a thread of the web process must not wait for them."""
        if not self._places.acquire(blocking=False):
            raise Busy(self._busy)
        try:
            yield
        finally:
            self._places.release()


class Outgoing:
    """The folder `outgoing`. A file's name begins with its project and its sort; the collector deletes old ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "outgoing"

    def scratch(self, suffix: str) -> Path:
        """A new file's path; what is left there is deleted by the collector."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        return self._folder / f"{secrets.token_hex(12)}{suffix}"

    def get(
        self, project_id: int, sort: str, version: str, suffix: str, places: Places, write: Callable[[Path], object]
    ) -> Path:
        """The file of this version; `write` is given a path where there is none yet. Older versions of the sort go.

        Raises Busy, and what `write` raises.
        """
        ready = self._folder / f"{project_id}-{sort}-{version}{suffix}"
        with contextlib.suppress(FileNotFoundError):
            # It is young again, so the collector leaves it.
            os.utime(ready)
            return ready
        partial = self.scratch(suffix)
        with places.one():
            try:
                write(partial)
                os.replace(partial, ready)
            finally:
                partial.unlink(missing_ok=True)
        self._forget(f"{project_id}-{sort}-*", _SPARE_SECONDS)
        return ready

    def forget(self, project_id: int) -> None:
        """Delete all that was written of a project."""
        self._forget(f"{project_id}-*", 0.0)

    def _forget(self, pattern: str, spare: float) -> None:
        for path in self._folder.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime >= spare:
                    path.unlink()
