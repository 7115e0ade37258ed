"""Files on their way to the grid, by the tus protocol: in parts, and on from where a dropped line left them."""

import base64
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from requestor.errors import Unreachable
from requestor.transport import Transport, refusal_of
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.upload_endpoints import PART_TYPE

PART = 8 * 2**20
TRIES = 8
"""So often in a row, without a byte more having arrived."""

PAUSE_SECONDS = 2
_BLOCK = 2**20
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = frozenset({408, 409, 423, 429, 460, 500, 502, 503, 504})

Told = Callable[[int], None]
"""Is told how many bytes more have arrived."""


class Uploads:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, path: Path, told: Told = lambda count: None) -> str:
        """Send a file, with its SHA-256 for the grid to compare; the upload's name. Raises Refused, Unreachable."""
        size = path.stat().st_size
        name = self._create(path, size)
        offset = failures = 0
        with path.open("rb") as stream:
            while offset < size:
                arrived = self._part(name, offset, stream.read(PART))
                if arrived is None:
                    failures += 1
                    if failures > TRIES:
                        raise Unreachable(
                            "The grid cannot be reached; the upload goes on from where it was when you try again soon."
                        )
                    time.sleep(PAUSE_SECONDS)
                    arrived = self._offset(name, offset)
                if arrived > offset:
                    told(arrived - offset)
                    offset, failures = arrived, 0
                stream.seek(offset)
        return name

    def _create(self, path: Path, size: int) -> str:
        about = {"filename": path.name, "sha256": sha256_of(path)}
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in about.items())
        status, headers, body = self._transport.exchange(
            "POST", f"{PREFIX}/uploads", {**_TUS, "Upload-Length": str(size), "Upload-Metadata": metadata}
        )
        if status != 201:
            raise refusal_of(body, status)
        return urlsplit(headers["Location"]).path.rstrip("/").rsplit("/", 1)[-1]

    def _part(self, name: str, offset: int, part: bytes) -> int | None:
        """How many bytes have arrived; None when that is not known and may be asked."""
        headers = {**_TUS, "Upload-Offset": str(offset), "Content-Type": PART_TYPE}
        return self._try("PATCH", name, headers, part)

    def _offset(self, name: str, known: int) -> int:
        arrived = self._try("HEAD", name, _TUS, b"")
        return known if arrived is None else arrived

    def _try(self, method: str, name: str, headers: Mapping[str, str], part: bytes) -> int | None:
        try:
            status, answered, body = self._transport.exchange(method, f"{PREFIX}/uploads/{name}", headers, part)
        except Unreachable:
            return None
        if status in _AGAIN:
            return None
        if status not in (200, 204):
            raise refusal_of(body, status)
        return int(answered["Upload-Offset"])


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
