"""Files on their way in and out of the web pages, as plain values."""

from pathlib import Path

import msgspec


class IncomingFile(msgspec.Struct, frozen=True):
    """An uploaded file, on disk in the drafts' incoming folder; `filename` is the person's own name."""

    field: str
    filename: str
    path: Path
    size: int


class Download(msgspec.Struct, frozen=True):
    """A file to be sent, and the name that it is offered under. It is not the sender's to delete."""

    path: Path
    filename: str
