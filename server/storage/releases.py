"""The release of the volunteer's program that this grid offers, in a folder that changes all at once."""

import contextlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from server.errors import NotAcceptable
from volunteer.protocol.releases import MANIFEST, PUBLIC_KEY, SIGNATURE

_CURRENT = "current"


@dataclass(frozen=True)
class StoredRelease:
    """The bytes as they were signed, and the folder with the installers."""

    folder: Path
    manifest: bytes
    signature: bytes
    public_key: bytes


class ReleaseFolder:
    """`current` names the folder that counts; it is replaced in one rename, when all is on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> StoredRelease | None:
        """None while nothing has been published."""
        for _ in range(3):
            try:
                folder = self._folder / (self._folder / _CURRENT).read_text("ascii").strip()
                return StoredRelease(
                    folder, *((folder / name).read_bytes() for name in (MANIFEST, SIGNATURE, PUBLIC_KEY))
                )
            except FileNotFoundError:
                # Another one may just have taken its place.
                continue
        return None

    def replace(self, source: Path, names: list[str]) -> None:
        """Copy these files of `source`, with manifest, signature and key; then let them count and delete the others.

        Raises NotAcceptable, OSError: what counted so far counts on.
        """
        for place in (self._folder.parent, self._folder):
            if place.exists() and place.stat().st_uid != os.geteuid():
                raise NotAcceptable(
                    f"{place} belongs to another user, who could not read what is written now. Publish as the user "
                    "who runs the grid."
                )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self._folder / secrets.token_hex(8)
        folder.mkdir()
        try:
            for name in (*names, MANIFEST, SIGNATURE, PUBLIC_KEY):
                shutil.copyfile(source / name, folder / name)
                _sync(folder / name)
            pointer = folder / _CURRENT
            pointer.write_text(folder.name, "ascii")
            _sync(pointer)
            _sync(folder)
            _sync(self._folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        # From here on it is the one that counts, whatever comes.
        os.replace(pointer, self._folder / _CURRENT)
        _sync(self._folder)
        for other in self._folder.iterdir():
            if other.is_dir() and other != folder:
                # Downloads that are under way keep what they have opened.
                with contextlib.suppress(OSError):
                    shutil.rmtree(other)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
