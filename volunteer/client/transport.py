"""One HTTP exchange with the grid: bounded in time and size; whatever fails rises as an error of `volunteer.errors`."""

import re
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import NoReturn, TypeVar
from urllib.parse import quote, urlsplit

import requests
from urllib3.exceptions import HTTPError

from volunteer.client.certificates import BLOCK, Adapter, distrust, innermost
from volunteer.client.limits import Bucket, Limits, Metered
from volunteer.config import is_loopback
from volunteer.errors import DropResult, RetryLater, StopAndTell, VolunteerError, printable
from volunteer.protocol.endpoints import PREFIX, Endpoint
from volunteer.protocol.messages import Malformed, decode
from volunteer.protocol.refusals import Consequence, Refusal, consequence_of
from volunteer.protocol.version import PROTOCOL, SOFTWARE

USER_AGENT = f"daig-volunteer/{SOFTWARE} protocol/{PROTOCOL}"
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
MAX_REPLY = 16 * 2**20
MAX_RETRY_AFTER = 3600.0
STRANGE = "strange_answer"
"""It is no grid that answers there, or none for us; it may be one again."""

M = TypeVar("M")
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?")
_BROKEN = (requests.RequestException, HTTPError, HTTPException, OSError)


class _Bearer(requests.auth.AuthBase):
    """Sets the token, or nothing. Its presence keeps `requests` from looking into somebody's .netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """Kept-alive connections to one server. May be used by several threads at once.

    `fingerprint`: SHA-256 (hexadecimal) of the one certificate that the server is believed by; empty: it must be
    signed by an authority that this system trusts, for the server's name.
    """

    def __init__(self, server: str, fingerprint: str = "", limits: Limits | None = None) -> None:
        self._base = server + PREFIX
        self._fingerprint = fingerprint
        self.limits = limits or Limits()
        self._token: str | None = None
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
        # A proxy of the environment must not stand between this machine and itself.
        self._session.trust_env = not is_loopback(urlsplit(server).hostname or "")
        self._session.mount("http://", Adapter())
        self._session.mount("https://", Adapter(fingerprint))

    def use_token(self, token: str) -> None:
        self._token = token

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        endpoint: Endpoint,
        parts: Mapping[str, str] | None = None,
        body: bytes | Metered | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = READ_SECONDS,
    ) -> bytes:
        """The body of a successful answer, at most MAX_REPLY bytes. `patience`: seconds to wait for the answer."""
        response = self.open(endpoint, parts, body, headers, patience)
        return b"".join(self.blocks(response, MAX_REPLY, patience))

    def open(
        self,
        endpoint: Endpoint,
        parts: Mapping[str, str] | None = None,
        body: bytes | Metered | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = READ_SECONDS,
    ) -> requests.Response:
        """A successful answer, its body still to be read. Refusals and broken connections rise as errors."""
        path = endpoint.path.format(**{name: quote(value, safe="") for name, value in (parts or {}).items()})
        try:
            response = self._session.request(
                endpoint.method,
                self._base + path,
                data=body,
                headers=dict(headers or {}),
                auth=_Bearer(self._token if endpoint.needs_token else None),
                timeout=(min(CONNECT_SECONDS, patience), patience),
                allow_redirects=False,
                stream=True,
                # Said here, because a bundle of authorities in the environment goes before what the session says.
                verify=False if self._fingerprint else None,
            )
        except requests.exceptions.SSLError as error:
            raise distrust(error, _short(error)) from None
        except requests.exceptions.ProxyError as error:
            raise RetryLater(f"The proxy of this network does not let us through: {_short(error)}") from None
        except _BROKEN as error:
            raise RetryLater(f"The server cannot be reached: {_short(error)}") from None
        if response.status_code not in (200, 206):
            self._refuse(response)
        return response

    def blocks(
        self, response: requests.Response, most: int, patience: float = READ_SECONDS, bucket: Bucket | None = None
    ) -> Iterator[bytes]:
        """The body, block by block. Raises RetryLater when it breaks off, is longer than `most` or stalls.

        `bucket` says how fast.
        """
        raw, read = response.raw, 0
        last = time.monotonic()
        try:
            while block := raw.read1(bucket.portion(BLOCK) if bucket else BLOCK, decode_content=False):
                read += len(block)
                if read > most:
                    raise RetryLater("The server's answer is longer than it may be.")
                now = time.monotonic()
                if now - last > patience:
                    raise RetryLater("The server's answer stalled.")
                if bucket:
                    bucket.take(len(block))
                    now = time.monotonic()
                last = now
                yield block
        except _BROKEN as error:
            raise RetryLater(f"The connection broke off: {_short(error)}") from None
        finally:
            response.close()

    def _refuse(self, response: requests.Response) -> NoReturn:
        status = response.status_code
        if 300 <= status < 400:
            response.close()
            target = printable(response.headers.get("Location", "another place"))
            raise StopAndTell(f"The server's address has moved to {target}; give that one.", "redirect")
        try:
            body = b"".join(self.blocks(response, 2**16))
            refusal = decode(body, Refusal)
        except (Malformed, RetryLater):
            # A grid says more than that. Some box between us and it did not, and that is no reason to drop anything.
            said = f"{status} {printable(response.reason or '')}".strip()
            after = _seconds(response.headers.get("Retry-After", ""))
            code = STRANGE if status < 500 and status not in (408, 429) else ""
            raise RetryLater(f"What answered in the grid's place said: {said}.", code, after) from None
        raise error_of(refusal, status, response.headers.get("Retry-After", ""))


def read(body: bytes, kind: type[M]) -> M:
    """The message that an answer holds. Raises RetryLater when it cannot be read."""
    try:
        return decode(body, kind)
    except Malformed as error:
        # Some box between us and the server has answered in its place, or the server is newer than we can read.
        raise RetryLater(f"The server's answer cannot be read: {error}") from None


def error_of(refusal: Refusal, status: int, retry_after: str = "") -> VolunteerError:
    """The error that a refusal means here."""
    sentence = printable(refusal.sentence)
    match consequence_of(refusal.code, status):
        case Consequence.retry_later:
            return RetryLater(sentence, refusal.code, _seconds(retry_after))
        case Consequence.drop_result:
            return DropResult(sentence, refusal.code)
        case Consequence.stop:
            return StopAndTell(sentence, refusal.code)


def _seconds(retry_after: str) -> float | None:
    # Parts of a second too: a busy grid is free again in less than one.
    return min(float(retry_after), MAX_RETRY_AFTER) if _SECONDS.fullmatch(retry_after) else None


def _short(error: BaseException) -> str:
    return printable(innermost(error), 200)
