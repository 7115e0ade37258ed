"""Fetches one blob into a part file: goes on where it broke off, and checks size and SHA-256 at the end."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import requests

from volunteer.client.transport import Transport
from volunteer.errors import RetryLater
from volunteer.protocol.digests import BLOCK
from volunteer.protocol.endpoints import BLOB, Endpoint
from volunteer.protocol.messages import BlobRef

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def download(
    transport: Transport, blob: BlobRef, part: Path, go_on: Callable[[], bool], endpoint: Endpoint = BLOB,
    parts: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Afterwards `part` holds exactly the blob's bytes. `endpoint`, with these parts of its path, gives them.

    Raises RetryLater (the part file stays, to go on from), with the code digest_mismatch when the bytes are not the
    blob's (the part file is gone), or when `go_on` says no (code "interrupted"); DropResult when the server has no
    such blob for this host.
    """
    digest, have = _hash_of(part)
    if have > blob.size:
        part.unlink()
        digest, have = hashlib.sha256(), 0
    if have < blob.size or not part.exists():
        headers = {"Range": f"bytes={have}-"} if have else {}
        response = transport.open(endpoint, parts or {"sha256": blob.sha256}, headers=headers)
        if have and not _continues(response, have, blob.size):
            digest, have = hashlib.sha256(), 0
        with part.open("r+b" if have else "wb") as file:
            file.seek(have)
            for block in transport.blocks(response, blob.size - have, bucket=transport.limits.down):
                file.write(block)
                digest.update(block)
                have += len(block)
                if not go_on():
                    raise RetryLater("The download was interrupted.", "interrupted")
    if have < blob.size:
        raise RetryLater(f"The download broke off after {have} of {blob.size} bytes.")
    if digest.hexdigest() != blob.sha256:
        part.unlink()
        raise RetryLater("The bytes that arrived are not those that the blob's name says.", "digest_mismatch")


def _continues(response: requests.Response, have: int, size: int) -> bool:
    """Whether the answer begins where we broke off. A server may always send the whole thing instead (200)."""
    if response.status_code != 206:
        return False
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if found is None or int(found[1]) != have or int(found[3]) != size:
        response.close()
        raise RetryLater("The server sent another part of the blob than was asked for.")
    return True


def _hash_of(part: Path) -> "tuple[hashlib._Hash, int]":
    digest, have = hashlib.sha256(), 0
    if part.exists():
        with part.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
                have += len(block)
    return digest, have
