"""One running program for each home, by a lock that the system gives up when the program ends, however it ends."""

import os
import sys
from pathlib import Path

from volunteer.errors import StopAndTell
from volunteer.private_files import private_folder

LOCK_FILE = "lock"
"""In the state folder."""
IN_USE = "home_in_use"
"""The code of the error that says so."""


class HomeLock:
    """Held from construction until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        """Raises StopAndTell when another process holds it."""
        private_folder(path.parent)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._file)
        except OSError:
            os.close(self._file)
            raise StopAndTell(
                f"Another DAIG volunteer works in {path.parent} already: daig-volunteer status asks it. "
                "To run two, give this one another --home.",
                IN_USE,
            ) from None

    def release(self) -> None:
        os.close(self._file)


def is_free(path: Path) -> bool:
    """Whether no process holds that lock now."""
    try:
        HomeLock(path).release()
    except StopAndTell:
        return False
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
