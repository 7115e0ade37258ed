"""Gradients as they arrive: whole, or the rest of one whose upload broke off. Knows no content.

Beginnings are files beside those that arrive: the collector of blobs lets go of them after an hour.
"""

import contextlib
import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flask import request

from server.errors import DigestMismatch, UploadConflict
from server.web.errors import HostRefused
from server.web.uploads import BLOCK as BLOCK_OF_BODY
from server.web.uploads import blocks
from volunteer.protocol.digests import BLOCK, read_content_digest
from volunteer.protocol.endpoints import RESUMABLE_BYTES
from volunteer.protocol.refusals import RefusalCode

MOST_BEGINNINGS = 64
MOST_BYTES = 2 * 2**30
"""Of all beginnings together; the oldest give way."""

_SMALL_BLOCK = 2**16
"""For a line that broke before: what of a block has come when it breaks is lost. Large ones cost half as much."""

_NAME = re.compile(r"beginning-(?P<result>[0-9]{1,18})-(?P<size>[0-9]{1,18})-(?P<sha256>[0-9a-f]{64})")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_BAD = RefusalCode.malformed_request


@dataclass(frozen=True)
class Beginning:
    """The first `received` bytes of the gradient of `result` that has `size` bytes and that SHA-256."""

    path: Path
    result: str
    size: int
    sha256: str
    received: int
    written_at: float


class Beginnings:
    """At most one for each result, in the folder in which gradients arrive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fresh(self) -> Path:
        """A new, empty file."""
        path = self._folder / f"gradient-{secrets.token_hex(8)}"
        path.touch(exist_ok=False)
        return path

    def find(self, result: str) -> Beginning | None:
        return next((one for one in self._all() if one.result == result), None)

    def take(self, one: Beginning) -> Path:
        """The file, which is now the caller's alone. Raises UploadConflict when somebody else was first."""
        path = self._folder / f"gradient-{secrets.token_hex(8)}"
        try:
            one.path.rename(path)
        except FileNotFoundError:
            raise UploadConflict("Another connection goes on with it.") from None
        return path

    def keep(self, file: Path, result: str, size: int, sha256: str) -> None:
        """Take the file as the beginning of that gradient, or delete it when it is not worth it."""
        has = file.stat().st_size
        if has < RESUMABLE_BYTES or size > MOST_BYTES or not (result.isascii() and result.isdecimal()):
            file.unlink()
            return
        room = MOST_BYTES - has
        for count, one in enumerate(sorted(self._all(), key=lambda one: -one.written_at), 2):
            room -= one.received
            if one.result == result or room < 0 or count > MOST_BEGINNINGS:
                one.path.unlink(missing_ok=True)
        file.rename(self._folder / f"beginning-{result}-{size}-{sha256}")

    def _all(self) -> list[Beginning]:
        found = []
        for path in self._folder.iterdir():
            name = _NAME.fullmatch(path.name)
            # Another thread may take it, and the collector delete it.
            with contextlib.suppress(FileNotFoundError):
                if name is not None:
                    status = path.stat()
                    found.append(
                        Beginning(
                            path, name["result"], int(name["size"]), name["sha256"], status.st_size, status.st_mtime
                        )
                    )
        return found


def receive(folder: Path, result: str, most: int) -> tuple[Path, str]:
    """The gradient in the request's body, whole, in a new file of that folder, which is the caller's: (path, SHA-256).

    What comes before a line breaks is kept to be gone on with. Raises HostRefused (length_required, too_large before a
    byte is read, too_slow, malformed_request), DigestMismatch, and UploadConflict where the beginning is not there.
    """
    length = request.content_length
    if length is None:
        raise HostRefused(RefusalCode.length_required)
    rest = request.headers.get("Content-Range")
    first, size = (0, length) if rest is None else _range(rest, length)
    if size > most:
        raise HostRefused(RefusalCode.too_large, f"It has {size:,} bytes, {most:,} are the most.")
    header = "Content-Digest" if rest is None else "Repr-Digest"
    stated = read_content_digest(request.headers.get(header, ""))
    if stated is None:
        raise HostRefused(_BAD, f"The header {header} must state a sha-256.")
    beginnings = Beginnings(folder)
    path = _begin(beginnings, result, first, size, stated)
    # One more than that: who reads to the end of what is allowed is taken for one who sends too much.
    request.max_content_length = length + 1
    try:
        with path.open("r+b") as file:
            _append(file, first, size, stated)
    except HostRefused:
        beginnings.keep(path, result, size, stated)
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, stated


def _begin(beginnings: Beginnings, result: str, first: int, size: int, sha256: str) -> Path:
    if not first:
        return beginnings.fresh()
    there = beginnings.find(result)
    if there is None or (there.size, there.sha256, there.received) != (size, sha256, first):
        raise UploadConflict("There is no such beginning here: ask how much has arrived.")
    return beginnings.take(there)


def _append(file: BinaryIO, first: int, size: int, stated: str) -> None:
    digest = hashlib.sha256()
    left = first
    while left and (block := file.read(min(left, BLOCK))):
        digest.update(block)
        left -= len(block)
    received = first
    for block in blocks(_SMALL_BLOCK if first else BLOCK_OF_BODY):
        digest.update(block)
        file.write(block)
        received += len(block)
    if received != size:
        raise HostRefused(_BAD, "The upload broke off.")
    if digest.hexdigest() != stated:
        raise DigestMismatch


def _range(text: str, length: int) -> tuple[int, int]:
    """First byte and size of the whole; only the whole rest is taken."""
    found = _RANGE.fullmatch(text.strip())
    first, last, size = (int(part) for part in found.groups()) if found else (0, 0, 0)
    if not 0 < first <= last < size or last != size - 1 or length != size - first:
        raise HostRefused(_BAD, "The header Content-Range must state all of the rest: bytes FIRST-LAST/SIZE.")
    return first, size
