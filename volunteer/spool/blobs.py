"""Downloaded blobs by their SHA-256, in one folder of bounded size; the least recently used go first."""

import contextlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from volunteer.errors import RetryLater
from volunteer.private_files import private_folder
from volunteer.protocol.digests import is_sha256
from volunteer.spool.files import file_sha256


class BlobCache:
    """Files named by hash. Not safe for several threads; one agent owns it.

    Nothing is fsynced: a blob that was here before this process started is hashed again before its first use, which
    finds what a power cut has left behind.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = private_folder(folder)
        self._parts = private_folder(folder / "parts")
        self._most = most_bytes
        self._trusted: set[str] = set()
        found = [(entry.stat(), entry.name) for entry in os.scandir(folder) if is_sha256(entry.name)]
        found.sort(key=lambda pair: pair[0].st_mtime_ns)
        # In order of use: the first was used longest ago.
        self._sizes = {name: status.st_size for status, name in found}

    def keep_below(self, most_bytes: int) -> None:
        """Another bound from now on; what is too much goes when room is made next."""
        self._most = most_bytes

    def held(self) -> list[str]:
        """The names of the blobs here, the latest used last."""
        return list(self._sizes)

    def find(self, sha256: str) -> Path | None:
        """The blob's file, proven to hold what its name says; None when it is not here."""
        if sha256 not in self._sizes:
            return None
        path = self._folder / sha256
        try:
            if sha256 not in self._trusted and file_sha256(path) != sha256:
                raise ValueError
            os.utime(path)
        except (OSError, ValueError):
            self.forget([sha256])
            return None
        self._trusted.add(sha256)
        self._sizes[sha256] = self._sizes.pop(sha256)
        return path

    def part(self, sha256: str) -> Path:
        """Where a download of that blob grows; what is there already is its beginning."""
        return self._parts / sha256

    def adopt(self, sha256: str) -> Path:
        """Take in the finished part file, whose hash the caller has checked."""
        path = self._folder / sha256
        try:
            os.replace(self.part(sha256), path)
        except OSError as error:
            raise RetryLater(f"The blob cannot be kept on disk: {error.strerror}") from None
        self._sizes[sha256] = path.stat().st_size
        self._trusted.add(sha256)
        return path

    def forget(self, names: Iterable[str]) -> None:
        """Delete these blobs, and beginnings of them."""
        for name in names:
            if not is_sha256(name):
                continue
            self._sizes.pop(name, None)
            self._trusted.discard(name)
            for path in (self._folder / name, self._parts / name):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()

    def make_room(self, coming: int, keep: Collection[str]) -> None:
        """Delete the least recently used blobs, none of `keep`, until `coming` more bytes fit the bound."""
        total = sum(self._sizes.values()) + coming
        for name in list(self._sizes):
            if total <= self._most:
                return
            if name not in keep:
                total -= self._sizes[name]
                self.forget([name])

    def drop_parts(self, keep: Collection[str] = ()) -> None:
        """Delete beginnings of downloads that nobody will go on with."""
        for entry in os.scandir(self._parts):
            if entry.name not in keep:
                os.unlink(entry.path)
