"""Sends one gradient: whole at first, and after a failure on from where the server has it."""

from pathlib import Path

from volunteer.client.limits import Metered
from volunteer.client.transport import Transport, read
from volunteer.errors import DropResult
from volunteer.protocol.digests import content_digest
from volunteer.protocol.endpoints import BEGINNING, GRADIENT_TYPE, REPORT, RESUMABLE_BYTES
from volunteer.protocol.messages import Beginning
from volunteer.protocol.refusals import RefusalCode


def upload(transport: Transport, result: str, path: Path, sha256: str, resume: bool) -> bytes:
    """The server's answer to the gradient in that file. Raises RetryLater, DropResult, StopAndTell."""
    size = path.stat().st_size
    first = _received(transport, result, sha256, size) if resume and size >= RESUMABLE_BYTES else 0
    digest = content_digest(sha256)
    headers = {"Content-Type": GRADIENT_TYPE}
    if first:
        headers |= {"Content-Range": f"bytes {first}-{size - 1}/{size}", "Repr-Digest": digest}
    else:
        headers["Content-Digest"] = digest
    with path.open("rb") as file:
        file.seek(first)
        body = Metered(file, size - first, transport.limits.up)
        return transport.call(REPORT, {"result": result}, body, headers)


def _received(transport: Transport, result: str, sha256: str, size: int) -> int:
    """How many bytes of this very gradient the server has; all of it is sent again where it has all."""
    try:
        there = read(transport.call(BEGINNING, {"result": result}), Beginning)
    except DropResult as error:
        if error.code == RefusalCode.malformed_request:
            # A grid of before there were beginnings.
            return 0
        raise
    return there.received if (there.sha256, there.size) == (sha256, size) and there.received < size else 0
