"""Files written for owners to fetch: each once, kept for whoever asks next, and never many written at once."""

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from server.errors import Busy, NotWritten

_SPARE_SECONDS = 60.0
"""Somebody may be about to open a file that is as young as that."""

WAITING, PATIENCE_SECONDS = 4, 15.0


class Places:
    """How many files of a sort may be written at the same time: each takes a child process, and that takes memory.

    A few more may wait for a moment; a thread of the web process is too dear to wait for long.
    """

    def __init__(self, count: int, busy: str) -> None:
        self._places = threading.BoundedSemaphore(count)
        self._queue = threading.BoundedSemaphore(WAITING)
        self._busy = busy

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Raises Busy when there was no place in time."""
        if not self._places.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._places.release()

    def _wait(self) -> None:
        if not self._queue.acquire(blocking=False):
            raise Busy(self._busy)
        try:
            if not self._places.acquire(timeout=PATIENCE_SECONDS):
                raise Busy(self._busy)
        finally:
            self._queue.release()


class ReadyFiles:
    """The folder `outgoing`. A file's name begins with its project and its sort; the collector deletes old ones."""

    def __init__(self, folder: Path, least_free_bytes: int = 0) -> None:
        """Nothing is written where the disk has less than `least_free_bytes` left: trainings need it more."""
        self._folder = folder / "outgoing"
        self._least_free_bytes = least_free_bytes

    def scratch(self, suffix: str) -> Path:
        """A new file's path; what is left there is deleted by the collector."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        return self._folder / f"{secrets.token_hex(12)}{suffix}"

    def get(
        self, project_id: int, sort: str, version: str, suffix: str, places: Places, write: Callable[[Path], object]
    ) -> Path:
        """The file of this version; `write` is given a path where there is none yet. Older versions of the sort go.

        Raises Busy, NotWritten, and what `write` raises.
        """
        ready = self._folder / f"{project_id}-{sort}-{version}{suffix}"
        if _is_there(ready):
            return ready
        with places.one():
            # Who waited may have waited for this very file.
            if not _is_there(ready):
                self._write(ready, suffix, write)
        self._forget(f"{project_id}-{sort}-*", _SPARE_SECONDS)
        return ready

    def forget(self, project_id: int) -> None:
        """Delete all that was written of a project."""
        self._forget(f"{project_id}-*", 0.0)

    def _write(self, ready: Path, suffix: str, write: Callable[[Path], object]) -> None:
        partial = self.scratch(suffix)
        if shutil.disk_usage(self._folder).free < self._least_free_bytes:
            raise NotWritten("The server's disk is nearly full: no file can be written for you just now.")
        try:
            write(partial)
            os.replace(partial, ready)
        finally:
            partial.unlink(missing_ok=True)

    def _forget(self, pattern: str, spare: float) -> None:
        for path in self._folder.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime >= spare:
                    path.unlink()


def _is_there(ready: Path) -> bool:
    """If so it is young again, and the collector leaves it."""
    try:
        os.utime(ready)
    except FileNotFoundError:
        return False
    return True
