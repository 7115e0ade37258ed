"""Files on their way in and out of the web pages, as plain values."""

from pathlib import Path

import msgspec


class IncomingFile(msgspec.Struct, frozen=True):
    """An uploaded file, on disk; `filename` is the person's own name.

    `upload` names the upload in parts that it was, which is over when a draft has taken the file; else "".
    """

    field: str
    filename: str
    path: Path
    size: int
    upload: str = ""


class NewUpload(msgspec.Struct, frozen=True):
    """What a sender says of a file that it is going to send in parts. `sha256` may be "".

    `metadata` is what it said in the protocol's own words, to be given back to it.
    """

    filename: str
    size: int
    sha256: str = ""
    metadata: str = ""


class Checksum(msgspec.Struct, frozen=True):
    """Of one part; `algorithm` as hashlib names it."""

    algorithm: str
    digest: bytes


class Download(msgspec.Struct, frozen=True):
    """A file to be sent, and the name that it is offered under. It is not the sender's to delete."""

    path: Path
    filename: str
