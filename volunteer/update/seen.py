"""The latest manifest that this host has believed: an older one, signed or not, is not taken any more."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from volunteer.private_files import write_private


class _Seen(msgspec.Struct, frozen=True):
    created_at: Annotated[datetime, Meta(tz=True)]


class SeenFile:
    """A small file in the state folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> datetime | None:
        """When the latest one was signed; None at the first time, and when the file is damaged."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Seen).created_at
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def note(self, created_at: datetime) -> None:
        """Raises OSError."""
        if created_at != self.load():
            write_private(self._path, msgspec.json.encode(_Seen(created_at)).decode())
