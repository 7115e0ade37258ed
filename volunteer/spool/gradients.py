"""Gradients that are computed and not yet delivered: they outlive this process."""

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from volunteer.children.folder import clear
from volunteer.private_files import private_folder
from volunteer.spool.files import file_sha256

MAX_ID = 150
_NAME = re.compile(r"(?P<result>.+)\.(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True)
class Undelivered:
    """A gradient's file, the result that it answers, and the SHA-256 of its bytes."""

    result: str
    sha256: str
    path: Path


class GradientSpool:
    """A folder; result and digest are in the file's name, so that one rename makes a gradient complete."""

    def __init__(self, folder: Path, workshop: Path) -> None:
        """`workshop`: where the trainer works; whatever one before has left there is deleted."""
        self._folder = private_folder(folder)
        self.workshop = private_folder(workshop)
        clear(self.workshop)

    def add(self, result: str, path: Path, sha256: str) -> Undelivered:
        """Move a finished file in. Another gradient of the same result gives way."""
        for other in self.all():
            if other.result == result:
                self.drop(other)
        entry = Undelivered(result, sha256, self._folder / f"{quote(result, safe='')}.{sha256}")
        os.replace(path, entry.path)
        return entry

    def harden(self, entry: Undelivered) -> None:
        """Make sure that it outlives a power cut too. Only worth it once delivery has failed: an fsync costs as much
        as a small round."""
        with contextlib.suppress(OSError):
            for path, flags in ((entry.path, os.O_RDWR), (self._folder, os.O_RDONLY)):
                handle = os.open(path, flags)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)

    def drop(self, entry: Undelivered) -> None:
        """The server has it, or does not want it."""
        if entry.path.is_dir() and not entry.path.is_symlink():
            clear(entry.path)
            entry.path.rmdir()
        else:
            entry.path.unlink(missing_ok=True)

    def all(self) -> list[Undelivered]:
        """What waits, the oldest first."""
        found = []
        for path in sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns):
            match = _NAME.fullmatch(path.name)
            if match is not None:
                found.append(Undelivered(unquote(match["result"]), match["sha256"], path))
        return found

    def drop_broken(self) -> list[str]:
        """Delete what is not what its name says (a power cut, a bad disk); the results that were lost so."""
        lost = []
        for entry in self.all():
            if not entry.path.is_file() or file_sha256(entry.path) != entry.sha256:
                self.drop(entry)
                lost.append(entry.result)
        return lost


def can_be_spooled(result: str) -> bool:
    """Whether a result's id makes a file name on every system."""
    return 0 < len(quote(result, safe="")) <= MAX_ID
