"""Files on their way in by parts: their rows, and the files themselves, of which the size is the offset."""

import contextlib
import datetime as dt
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path

from peewee import fn

from server.errors import NoSuchUpload, UploadLocked
from server.storage.account_tables import PartialUpload


class PartialUploadStore:
    """Rows need the caller's write transaction; files do not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True, mode=0o700)

    def add(self, row: PartialUpload) -> None:
        """The row and its empty file."""
        row.save(force_insert=True)
        with self.path(row.name).open("xb"):
            pass
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def owned(self, owner_id: int, name: str) -> PartialUpload:
        """Raises NoSuchUpload, also for a stranger."""
        row = PartialUpload.row_where("name = ? AND owner_id = ?", name, owner_id)
        if row is None or not self.path(row.name).exists():
            raise NoSuchUpload()
        return row

    def of_owner(self, owner_id: int) -> list[PartialUpload]:
        return PartialUpload.rows_where("owner_id = ? ORDER BY id", owner_id)

    def every(self) -> list[PartialUpload]:
        return PartialUpload.rows_where("1 ORDER BY id")

    def declared_bytes(self, owner_id: int) -> int:
        """What all uploads of the account will have when they are whole."""
        query = PartialUpload.select(fn.SUM(PartialUpload.size)).where(PartialUpload.owner == owner_id)
        return int(query.scalar() or 0)

    def received_of_unfinished(self) -> dict[str, int]:
        """How many bytes of each are there. Looks at a file for each: not for a write transaction."""
        return {row.name: self.received(row.name) for row in self._unfinished()}

    def outstanding_bytes(self, received: Mapping[str, int]) -> int:
        """What is still to come of everybody's uploads, where so much of them had been received."""
        return sum(max(0, row.size - received.get(row.name, 0)) for row in self._unfinished())

    def _unfinished(self) -> list[PartialUpload]:
        return PartialUpload.rows_where("completed_at IS NULL")

    def touch(self, row: PartialUpload, now: dt.datetime) -> None:
        PartialUpload.update(touched_at=now).where(PartialUpload.id == row.id).execute()

    def complete(self, row: PartialUpload, sha256: str, now: dt.datetime) -> None:
        changed = (
            PartialUpload.update(sha256=sha256, completed_at=now, touched_at=now)
            .where(PartialUpload.id == row.id)
            .execute()
        )
        if changed != 1:
            raise NoSuchUpload()

    def forget(self, owner_id: int, name: str) -> bool:
        """Drop the row, not the file; whether there was one."""
        owned = (PartialUpload.name == name) & (PartialUpload.owner == owner_id)
        return bool(PartialUpload.delete().where(owned).execute() == 1)

    def is_known(self, name: str) -> bool:
        return PartialUpload.row_where("name = ?", name) is not None

    def path(self, name: str) -> Path:
        return self.folder / name

    def received(self, name: str) -> int:
        """How many bytes are there; 0 where the file is gone."""
        with contextlib.suppress(FileNotFoundError):
            return self.path(name).stat().st_size
        return 0

    def quiet_seconds(self, name: str) -> float:
        """How long ago the last byte was written; infinite where the file is gone."""
        with contextlib.suppress(FileNotFoundError):
            return time.time() - self.path(name).stat().st_mtime
        return float("inf")

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[FileIO]:
        """The file, unbuffered, for one at a time over all processes. Raises UploadLocked, NoSuchUpload."""
        try:
            file = self.path(name).open("r+b", buffering=0)
        except FileNotFoundError:
            raise NoSuchUpload() from None
        with file:
            try:
                # Held by the open file: it goes with the process that had it.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UploadLocked() from None
            yield file
