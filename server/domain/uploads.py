"""Files that come in parts: who may send how much, how far they are, and handing whole ones over to drafts.

A file's size on disk is its offset, so what arrived before a line was cut, or a process killed, counts.
"""

import datetime as dt
import hashlib
import os
import secrets
import threading
from collections.abc import Iterable
from io import FileIO

from server.domain.drafts import plain_name
from server.domain.room import Measured, Room
from server.errors import (
    Busy,
    ChecksumMismatch,
    NoSuchUpload,
    NotAcceptable,
    QuotaExceeded,
    TooLarge,
    UploadConflict,
    UploadGone,
)
from server.rules.incoming import Checksum, IncomingFile, NewUpload
from server.rules.quotas import UploadBounds
from server.rules.status import gigabytes
from server.rules.views import PartialUploadView
from server.storage.account_tables import PartialUpload
from server.storage.stores import Stores

KEPT = dt.timedelta(days=7)
"""How long an upload waits for its next byte, and a whole one to be used."""

_MAX_UPLOADS = 40
_SYNC_EVERY = 2**26
_TOUCH_EVERY = dt.timedelta(minutes=1)
_DIGESTS = 2
"""So many large files at once: each holds a thread for seconds, and a processor."""
_PATIENCE = 30.0
_SMALL = 2**22
"""Up to this size a digest takes no time."""


class Uploads:
    """`most` is the largest size of one upload."""

    def __init__(self, stores: Stores, bounds: UploadBounds | None = None, most: int = 4 * 2**30) -> None:
        self._stores = stores
        self._partial = stores.partial_uploads
        self._room = Room(stores, bounds or UploadBounds())
        self._most = most
        self._digests = threading.BoundedSemaphore(_DIGESTS)

    def create(self, owner_id: int, new: NewUpload, now: dt.datetime) -> PartialUploadView:
        """A new upload of so many bytes, none of them there yet. Raises TooLarge, QuotaExceeded."""
        if new.size > self._most:
            raise TooLarge(f"This file has {gigabytes(new.size)}; {gigabytes(self._most)} are the most.")
        row = PartialUpload(
            owner=owner_id, name=secrets.token_hex(16), filename=plain_name(new.filename), size=new.size,
            sha256=new.sha256, metadata=new.metadata, created_at=now, touched_at=now,
        )  # fmt: skip
        measured = self._room.measure(owner_id)
        with self._stores.database.write():
            self._require_room(owner_id, new.size, measured)
            self._partial.add(row)
        if new.size:
            return self._view(row)
        with self._partial.opened(row.name) as file:
            return self._finish(row, file, now)

    def require(self, owner_id: int, name: str, now: dt.datetime) -> None:
        """Raises NoSuchUpload, also for a stranger, and UploadGone. Reads nothing of the file."""
        self._owned(owner_id, name, now)

    def view(self, owner_id: int, name: str, now: dt.datetime) -> PartialUploadView:
        """How far it is. One whose last part came just before a kill is concluded first.

        Raises NoSuchUpload, UploadGone, UploadLocked, ChecksumMismatch, Busy.
        """
        row = self._owned(owner_id, name, now)
        if row.completed_at is None and self._partial.received(name) >= row.size:
            with self._partial.opened(name) as file:
                return self._finish(row, file, now)
        return self._view(row)

    def list_for(self, owner_id: int, now: dt.datetime) -> list[PartialUploadView]:
        rows = self._partial.of_owner(owner_id)
        there = [row for row in rows if not self._is_over(row, now) and self._partial.path(row.name).exists()]
        return [self._view(row) for row in there]

    def append(
        self, owner_id: int, name: str, offset: int, blocks: Iterable[bytes], checksum: Checksum | None,
        now: dt.datetime,
    ) -> PartialUploadView:  # fmt: skip
        """Write the blocks behind the first `offset` bytes, which must be all that are there.

        Whatever `blocks` raises goes through; what came before stays, but for bytes whose `checksum` was not seen to
        match. What is acknowledged is on disk. Raises UploadConflict, UploadLocked, TooLarge, ChecksumMismatch, and
        Busy where all is there, but could not be concluded yet: `view` does that later.
        """
        row = self._owned(owner_id, name, now)
        with self._partial.opened(name) as file:
            there = file.seek(0, os.SEEK_END)
            if there != offset:
                raise UploadConflict(f"The upload stands at byte {there}.")
            if now - row.touched_at >= _TOUCH_EVERY:
                # Seldom: every commit wakes all hosts that wait.
                with self._stores.database.write():
                    self._partial.touch(row, now)
            _write(file, offset, row.size, blocks, checksum)
            # That may have taken long; it may have been deleted meanwhile.
            row = self._partial.owned(owner_id, name)
            if file.tell() == row.size and row.completed_at is None:
                return self._finish(row, file, now, _PATIENCE)
        return self._view(row)

    def remove(self, owner_id: int, name: str, now: dt.datetime) -> None:
        """Raises NoSuchUpload, UploadGone."""
        self._drop(self._owned(owner_id, name, now))

    def remove_all_of(self, owner_id: int) -> None:
        """For an account that goes."""
        for row in self._partial.of_owner(owner_id):
            self._drop(row)

    def take(self, owner_id: int, name: str, field: str) -> IncomingFile:
        """A whole upload as a file of that field. It stays until a draft has it.

        Raises NotAcceptable with the field.
        """
        try:
            row = self._partial.owned(owner_id, name)
        except NoSuchUpload:
            raise NotAcceptable("This upload is not here any more. Choose the file again.", field) from None
        if row.completed_at is None:
            raise NotAcceptable(f"{row.filename} is not uploaded completely yet.", field)
        return IncomingFile(field, row.filename, self._partial.path(name), row.size, name)

    def _owned(self, owner_id: int, name: str, now: dt.datetime) -> PartialUpload:
        row = self._partial.owned(owner_id, name)
        if self._is_over(row, now):
            raise UploadGone()
        return row

    def _is_over(self, row: PartialUpload, now: dt.datetime) -> bool:
        return bool(row.touched_at + KEPT <= now)

    def _require_room(self, owner_id: int, size: int, measured: Measured) -> None:
        if len(self._partial.of_owner(owner_id)) >= _MAX_UPLOADS:
            raise QuotaExceeded("You have very many unfinished uploads. Delete some first, or wait until they expire.")
        why_not = self._room.why_not(owner_id, size, measured)
        if why_not is not None:
            raise QuotaExceeded(why_not)

    def _finish(
        self, row: PartialUpload, file: FileIO, now: dt.datetime, patience: float = 0.0
    ) -> PartialUploadView:
        """The whole file is there: see whether it is the one that was meant. Otherwise it is removed.

        Raises Busy where a place for a large one is not free within `patience` seconds.
        """
        sha256 = self._digest(file, row.size, patience)
        if row.sha256 and sha256 != row.sha256:
            self._drop(row)
            raise ChecksumMismatch(
                "The file arrived, but its SHA-256 is not the one that was stated; it was removed. Send it again."
            )
        with self._stores.database.write():
            self._partial.complete(row, sha256, now)
        row.sha256, row.completed_at, row.touched_at = sha256, now, now
        return self._view(row)

    def _digest(self, file: FileIO, size: int, patience: float) -> str:
        file.seek(0)
        if size <= _SMALL:
            return hashlib.file_digest(file, "sha256").hexdigest()
        if not self._digests.acquire(timeout=patience):
            raise Busy()
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        finally:
            self._digests.release()

    def _drop(self, row: PartialUpload) -> None:
        with self._stores.database.write():
            self._partial.forget(row.owner_id, row.name)
        self._partial.path(row.name).unlink(missing_ok=True)

    def _view(self, row: PartialUpload) -> PartialUploadView:
        is_whole = row.completed_at is not None
        return PartialUploadView(
            name=row.name, filename=row.filename, size=row.size, offset=self._partial.received(row.name),
            sha256=row.sha256 if is_whole else "", metadata=row.metadata, expires_at=row.touched_at + KEPT,
            is_whole=is_whole,
        )  # fmt: skip


def _write(file: FileIO, offset: int, size: int, blocks: Iterable[bytes], checksum: Checksum | None) -> None:
    digest = hashlib.new(checksum.algorithm) if checksum else None
    unsynced = 0
    try:
        for block in blocks:
            if file.tell() + len(block) > size:
                raise TooLarge("More came than the upload was to have.")
            _write_all(file, block)
            if digest:
                digest.update(block)
            unsynced += len(block)
            if unsynced >= _SYNC_EVERY:
                # A little at a time: else the last answer would wait until all of it is on the disk.
                os.fdatasync(file.fileno())
                unsynced = 0
        if checksum and digest and digest.digest() != checksum.digest:
            raise ChecksumMismatch()
    except BaseException:
        if checksum:
            file.truncate(offset)
        raise
    finally:
        os.fdatasync(file.fileno())


def _write_all(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]
