"""One grid for each data folder, by a lock that the system gives up when its process ends, however it ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from server.config import BadSettings

_FILE = "lock"


@contextlib.contextmanager
def only_grid(folder: Path) -> Iterator[None]:
    """Raises BadSettings where another process holds the folder: two supervisors would each write its address there."""
    file = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadSettings(f"a grid runs on {folder} already{_at(folder)}. Stop it first, or give --data.") from None
        yield
    finally:
        os.close(file)


def _at(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return f", at {(folder / 'address').read_text('utf-8').strip()}"
    return ""
