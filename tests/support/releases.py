"""Signed folders of small installers, and a grid that shows one, rightly or not."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from server.domain.releases import make_key, sign_folder
from volunteer.errors import RetryLater
from volunteer.protocol.releases import MANIFEST, SIGNATURE, ReleaseFile

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
DEB, TARBALL = "daig-volunteer_{}_amd64.deb", "daig-volunteer-{}-linux-x86_64.tar.gz"


class Signer:
    """Whoever makes releases: one key, many folders."""

    def __init__(self, folder: Path, name: str = "release-key") -> None:
        self._folder = folder
        self._key = folder / name
        self.public = make_key(self._key).read_bytes()

    def folder(self, version: str, signed_at: dt.datetime = NOW, names: tuple[str, ...] = (DEB, TARBALL)) -> Path:
        """A signed folder of that version."""
        folder = self._folder / f"{self._key.name}-{version}-{signed_at:%d%H%M}"
        folder.mkdir()
        for name in names:
            (folder / name.format(version)).write_bytes(name.format(version).encode() * 1000)
        sign_folder(folder, self._key, signed_at)
        return folder


class ShownRelease:
    """Stands in for the grid's client. What is in `folder` is shown; tests alter it."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.closed = 0
        self.breaks_after: list[int] = []

    def release_manifest(self) -> bytes | None:
        return self._read(MANIFEST)

    def release_signature(self) -> bytes | None:
        return self._read(SIGNATURE)

    def download_release(self, file: ReleaseFile, part: Path, go_on: Callable[[], bool]) -> None:
        """As the client: goes on from what is there, and raises RetryLater where the real one does."""
        assert self.folder is not None
        content = (self.folder / file.file).read_bytes()[: file.size]
        have = part.stat().st_size if part.exists() else 0
        until = self.breaks_after.pop(0) if self.breaks_after else len(content)
        self.asked.append(f"{file.file} {have}-{until}")
        with part.open("ab") as out:
            out.write(content[have:until])
        if until < file.size:
            raise RetryLater("The connection broke off.", after=0.01)

    def close(self) -> None:
        self.closed += 1

    def _read(self, name: str) -> bytes | None:
        self.asked.append(name)
        return None if self.folder is None else (self.folder / name).read_bytes()
