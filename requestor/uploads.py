"""Files on their way to the grid, by the tus protocol: in parts, and on from where a dropped line left them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from requestor.errors import RequestorError, Unreachable
from requestor.transport import USER_AGENT, refusal_of
from volunteer.protocol.endpoints import PREFIX

PART = 8 * 2**20
TRIES = 8
PAUSE_SECONDS = 2
_BLOCK = 2**20

Told = Callable[[int], None]
"""Is told how many bytes more have arrived."""


class Uploads:
    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT}
        self._client = TusClient(f"{url}{PREFIX}/uploads", headers=headers)

    def send(self, path: Path, told: Told = lambda count: None) -> str:
        """Send a file, with its SHA-256 for the grid to compare; the upload's name. Raises Refused, Unreachable."""
        about, size = {"filename": path.name, "sha256": sha256_of(path)}, path.stat().st_size
        try:
            with path.open("rb") as stream:
                uploader = self._client.uploader(
                    file_stream=stream, chunk_size=PART, metadata=about, retries=TRIES, retry_delay=PAUSE_SECONDS
                )
                while uploader.url is None or uploader.offset < size:
                    before = uploader.offset
                    uploader.upload(stop_at=min(before + PART, size))
                    told(uploader.offset - before)
        except TusCommunicationError as error:
            raise _meaning(error) from None
        return urlsplit(uploader.url).path.rstrip("/").rsplit("/", 1)[-1]


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _meaning(error: TusCommunicationError) -> RequestorError:
    if not error.status_code:
        return Unreachable("The grid cannot be reached; the upload goes on from where it was when you try again soon.")
    body = error.response_content or b""
    return refusal_of(body.encode() if isinstance(body, str) else body, error.status_code)
