"""The grid as its hosts see it: one method for each endpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from volunteer.client import downloads
from volunteer.client.transport import READ_SECONDS, Transport
from volunteer.errors import DropResult, RetryLater, StopAndTell
from volunteer.protocol import endpoints, messages
from volunteer.protocol.digests import content_digest
from volunteer.protocol.endpoints import GRADIENT_TYPE
from volunteer.protocol.messages import (
    Acknowledged,
    Attached,
    AttachRequest,
    BlobRef,
    GiveBack,
    Heartbeat,
    HeartbeatReply,
    Malformed,
    ReportReply,
    WorkReply,
    WorkRequest,
)

M = TypeVar("M")
_JSON = {"Content-Type": "application/json"}
# A heartbeat that takes longer than this is worth less than the next one.
HEARTBEAT_SECONDS = 10.0


class GridClient:
    """Every method raises RetryLater, DropResult or StopAndTell, and nothing else that a network can cause."""

    def __init__(self, server: str) -> None:
        self._transport = Transport(server)

    def use_token(self, token: str) -> None:
        """Speak as that host from now on."""
        self._transport.use_token(token)

    def close(self) -> None:
        self._transport.close()

    def attach(self, request: AttachRequest) -> Attached:
        """Become a host. Nothing but a server that is away is worth another try."""
        try:
            body = self._transport.call(endpoints.ATTACH, body=messages.encode(request), headers=_JSON)
        except DropResult as error:
            raise StopAndTell(error.sentence, error.code) from None
        except RetryLater as error:
            if error.code == "tls":
                raise StopAndTell(error.sentence, error.code) from None
            raise
        return _read(body, Attached)

    def work(self, request: WorkRequest) -> WorkReply:
        """Ask for work; the answer may take `wait_seconds`."""
        try:
            body = self._transport.call(
                endpoints.WORK,
                body=messages.encode(request),
                headers=_JSON,
                patience=READ_SECONDS + request.wait_seconds,
            )
        except DropResult as error:
            # There is no result yet that could be dropped; whatever it is, it may be mended on the other side.
            raise RetryLater(error.sentence, error.code) from None
        return _read(body, WorkReply)  # type: ignore[arg-type]

    def download(self, blob: BlobRef, part: Path, go_on: Callable[[], bool]) -> None:
        """See `downloads.download`."""
        downloads.download(self._transport, blob, part, go_on)

    def heartbeat(self, result: str, done: int) -> HeartbeatReply:
        body = self._transport.call(
            endpoints.HEARTBEAT,
            {"result": result},
            messages.encode(Heartbeat(done)),
            _JSON,
            patience=HEARTBEAT_SECONDS,
        )
        return _read(body, HeartbeatReply)

    def report(self, result: str, path: Path, sha256: str) -> ReportReply:
        """Upload the gradient in that file; the same upload again is harmless."""
        with path.open("rb") as file:
            body = self._transport.call(
                endpoints.REPORT,
                {"result": result},
                file,
                {"Content-Type": GRADIENT_TYPE, "Content-Digest": content_digest(sha256)},
            )
        return _read(body, ReportReply)

    def give_back(self, result: str, message: GiveBack, patience: float = HEARTBEAT_SECONDS) -> None:
        body = self._transport.call(
            endpoints.GIVE_BACK, {"result": result}, messages.encode(message), _JSON, patience=patience
        )
        _read(body, Acknowledged)


def _read(body: bytes, kind: type[M]) -> M:
    try:
        return messages.decode(body, kind)
    except Malformed as error:
        # Some box between us and the server has answered in its place, or the server is newer than we can read.
        raise RetryLater(f"The server's answer cannot be read: {error}") from None
