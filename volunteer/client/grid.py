"""The grid as its hosts see it: one method for each endpoint."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from volunteer.client import downloads, uploads
from volunteer.client.certificates import OTHER
from volunteer.client.limits import Limits
from volunteer.client.transport import READ_SECONDS, STRANGE, Transport, read
from volunteer.errors import DropResult, RetryLater, StopAndTell
from volunteer.protocol import endpoints, messages
from volunteer.protocol.endpoints import Endpoint
from volunteer.protocol.messages import (
    Acknowledged,
    Attached,
    AttachRequest,
    BlobRef,
    DeviceCode,
    DeviceRequest,
    DeviceTokenRequest,
    GiveBack,
    Heartbeat,
    HeartbeatReply,
    HostNumbers,
    ReportReply,
    WorkReply,
    WorkRequest,
)
from volunteer.protocol.refusals import RefusalCode
from volunteer.protocol.releases import ReleaseFile

_JOIN_KEY = "daigjoin_"
NO_JOIN_KEY = f"This is not a join key: one begins with {_JOIN_KEY}. Make one under “My computers”."
_JSON = {"Content-Type": "application/json"}
# A heartbeat that takes longer than this is worth less than the next one.
HEARTBEAT_SECONDS = 10.0
LONGEST_WORDS = 4000
LONGEST_CODE_SECONDS = 7 * 24 * 3600


class GridClient:
    """Every method raises RetryLater, DropResult or StopAndTell, and nothing else that a network can cause."""

    def __init__(self, server: str, fingerprint: str = "", limits: Limits | None = None) -> None:
        """See `Transport`. `limits` may be changed at any time."""
        self._transport = Transport(server, fingerprint, limits)

    def use_token(self, token: str) -> None:
        """Speak as that host from now on."""
        self._transport.use_token(token)

    def close(self) -> None:
        self._transport.close()

    def attach(self, request: AttachRequest) -> Attached:
        """Become a host by a join key. Nothing but a server that is away is worth another try."""
        try:
            return read(self._ask(endpoints.ATTACH, request), Attached)
        except StopAndTell as error:
            no_key = error.code in (RefusalCode.join_key_invalid, RefusalCode.malformed_request)
            if no_key and not request.join_key.startswith(_JOIN_KEY):
                raise StopAndTell(NO_JOIN_KEY, error.code) from None
            raise

    def device(self, request: DeviceRequest) -> DeviceCode:
        """A code that a person confirms in a browser. Nothing but a server that is away is worth another try."""
        code = read(self._ask(endpoints.DEVICE, request), DeviceCode)
        if not is_shown_safely(code):
            raise StopAndTell("The grid gave no code that could be shown, or no page to confirm it on.", STRANGE)
        return code

    def device_token(self, device_code: str) -> Attached:
        """Become a host, once the person has confirmed.

        Before that it raises RetryLater with the code "authorization_pending", or "slow_down" when it was asked too
        early; StopAndTell with "access_denied" or "expired_token" when it never will be.
        """
        return read(self._ask(endpoints.DEVICE_TOKEN, DeviceTokenRequest(device_code)), Attached)

    def numbers(self) -> HostNumbers:
        """What the grid knows of this host."""
        try:
            body = self._transport.call(endpoints.NUMBERS, patience=HEARTBEAT_SECONDS)
        except DropResult as error:
            # A grid that does not say, or a proxy in between.
            raise RetryLater(error.sentence, error.code) from None
        return read(body, HostNumbers)

    def detach_self(self, patience: float = HEARTBEAT_SECONDS) -> None:
        """Be no host any more; the token is worth nothing afterwards."""
        read(self._transport.call(endpoints.DETACH_SELF, patience=patience), Acknowledged)

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
        return read(body, WorkReply)  # type: ignore[arg-type]

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
        return read(body, HeartbeatReply)

    def report(self, result: str, path: Path, sha256: str, resume: bool = False) -> ReportReply:
        """Upload the gradient in that file; the same upload again is harmless.

        With `resume` the server is asked first what it has of it already, and the rest is sent.
        """
        return read(uploads.upload(self._transport, result, path, sha256, resume), ReportReply)

    def give_back(self, result: str, message: GiveBack, patience: float = HEARTBEAT_SECONDS) -> None:
        body = self._transport.call(
            endpoints.GIVE_BACK, {"result": result}, messages.encode(message), _JSON, patience=patience
        )
        read(body, Acknowledged)

    def release_manifest(self) -> bytes | None:
        """The release of this program that the grid offers, byte for byte; None when it offers none."""
        return self._public(endpoints.RELEASE_MANIFEST)

    def release_signature(self) -> bytes | None:
        return self._public(endpoints.RELEASE_SIGNATURE)

    def download_release(self, file: ReleaseFile, part: Path, go_on: Callable[[], bool]) -> None:
        """As `download`, of an installer. An installer that is gone may be there under another name soon."""
        blob, where = BlobRef(file.sha256, file.size), {"file": file.file}
        try:
            downloads.download(self._transport, blob, part, go_on, endpoints.RELEASE_FILE, where)
        except DropResult as error:
            raise RetryLater(error.sentence, error.code) from None

    def _public(self, endpoint: Endpoint) -> bytes | None:
        try:
            return self._transport.call(endpoint)
        except DropResult:
            return None
        except RetryLater as error:
            # A grid that knows nothing of releases yet answers with a page.
            if error.code == STRANGE:
                return None
            raise

    def _ask(self, endpoint: Endpoint, message: msgspec.Struct) -> bytes:
        """What comes before there is a token: whatever is refused for good, a person has to know."""
        try:
            return self._transport.call(endpoint, body=messages.encode(message), headers=_JSON)
        except DropResult as error:
            raise StopAndTell(error.sentence, error.code) from None
        except RetryLater as error:
            if error.needs_person or error.code in (OTHER, STRANGE):
                raise StopAndTell(error.sentence, error.code) from None
            raise


def is_shown_safely(code: DeviceCode) -> bool:
    """The code is printed, and its page opened on the desktop, where an address may mean any file or program."""
    try:
        pages = [urlsplit(page) for page in (code.verification_uri, code.verification_uri_complete)]
        are_pages = all(page.scheme in ("http", "https") and page.hostname for page in pages)
    except ValueError:
        return False
    words = f"{code.user_code}{code.verification_uri}{code.verification_uri_complete}"
    short = len(words) <= LONGEST_WORDS and code.expires_in <= LONGEST_CODE_SECONDS
    return are_pages and short and words.isprintable()
