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
    """A temporary file to be sent and then deleted, and the name that it is offered under."""

    path: Path
    filename: str
