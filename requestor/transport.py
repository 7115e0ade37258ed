"""One exchange with the grid: bounded in time, tried again where that is safe; refusals rise as errors."""

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests

from requestor.certificates import Pinned, distrust, read_fingerprint
from requestor.errors import Refused, Unreachable
from volunteer.protocol import messages
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.refusals import Refusal
from volunteer.protocol.requestor_endpoints import BY_NAME, RequestorEndpoint
from volunteer.protocol.version import PROTOCOL, SOFTWARE

M = TypeVar("M", bound=msgspec.Struct)

USER_AGENT = f"daig-requestor/{SOFTWARE} protocol/{PROTOCOL}"
SECONDS = (10.0, 120.0)
"""For connecting, and between two bytes of an answer: a model may have to be written first."""

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
_AGAIN = frozenset({408, 429, 502, 503, 504})
_BLOCK = 2**18
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Bearer(requests.auth.AuthBase):
    """Sets the token. Its presence keeps `requests` from looking into somebody's .netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """Kept-alive connections to one grid, for one account. `fingerprint`: see `requestor.certificates`."""

    def __init__(self, url: str, token: str, insecure_http: bool = False, fingerprint: str = "") -> None:
        self.url = read_url(url, insecure_http)
        pin = read_fingerprint(fingerprint)
        # Said with every request, because a bundle of authorities in the environment goes before the session's own.
        self._verify = False if pin else None
        self._auth = Bearer(token)
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
        self._session.trust_env = urlsplit(self.url).hostname not in _LOOPBACK
        if pin:
            self._session.mount("https://", Pinned(pin))

    def close(self) -> None:
        self._session.close()

    def ask(
        self, name: str, kind: type[M], said: msgspec.Struct | None = None, query: Mapping[str, Any] | None = None,
        **parts: int,
    ) -> M:  # fmt: skip
        """The grid's answer to an endpoint. Raises Refused, Unreachable."""
        response = self._open(BY_NAME[name], said, query, parts)
        try:
            return messages.decode(response.content, kind)
        except messages.Malformed as error:
            raise Unreachable(f"The grid's answer cannot be read: {error}") from None
        except requests.RequestException as error:
            raise Unreachable(f"The connection broke off: {_short(error)}") from None

    def tell(self, name: str, **parts: int) -> None:
        """For endpoints whose answer says nothing more than that it is done. Raises Refused, Unreachable."""
        self._open(BY_NAME[name], None, None, parts).close()

    def save(self, name: str, folder: Path, query: Mapping[str, Any] | None = None, **parts: int) -> Path:
        """Write the answer to a file in that folder, by the name that the grid gives it. Raises Refused, Unreachable.

        A file is there whole or not at all.
        """
        response = self._open(BY_NAME[name], None, query, parts)
        path = folder / _filename(response)
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as file:
                for block in response.iter_content(_BLOCK):
                    file.write(block)
            part.replace(path)
        except requests.RequestException as error:
            raise Unreachable(f"The connection broke off: {_short(error)}") from None
        finally:
            part.unlink(missing_ok=True)
            response.close()
        return path

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request, sent once: (status, headers, body), whatever the grid says. Raises Unreachable."""
        try:
            response = self._session.request(
                method, self.url + path, headers=dict(headers), data=body, auth=self._auth, timeout=SECONDS,
                allow_redirects=False, verify=self._verify,
            )  # fmt: skip
        except requests.RequestException as error:
            raise self._away(error) from None
        return response.status_code, response.headers, response.content

    def _away(self, error: requests.RequestException) -> Unreachable:
        return Unreachable(f"The grid at {self.url} cannot be reached: {distrust(error) or _short(error)}")

    def _open(
        self, endpoint: RequestorEndpoint, said: msgspec.Struct | None, query: Mapping[str, Any] | None,
        parts: Mapping[str, int],
    ) -> requests.Response:  # fmt: skip
        path = self.url + PREFIX + endpoint.path.format(**parts)
        body = None if said is None else messages.encode(said)
        for pause in self._pauses(endpoint):
            response: requests.Response | None = None
            try:
                response = self._session.request(
                    endpoint.method, path, params=query, data=body, auth=self._auth, timeout=SECONDS,
                    headers={} if body is None else {"Content-Type": "application/json"},
                    allow_redirects=False, stream=True, verify=self._verify,
                )  # fmt: skip
            except requests.RequestException as error:
                if pause is None or distrust(error):
                    raise self._away(error) from None
            if response is not None:
                if response.status_code == endpoint.success:
                    return response
                if pause is None or response.status_code not in _AGAIN:
                    raise _refused(response)
                response.close()
            time.sleep(pause or 0.0)
        raise Unreachable()

    def _pauses(self, endpoint: RequestorEndpoint) -> Iterator[float | None]:
        """None is the last try. What may make a second thing is not sent twice: nobody knows what became of it."""
        if endpoint.method in ("GET", "DELETE"):
            yield from PAUSES
        yield None


def read_url(url: str, insecure_http: bool = False) -> str:
    """A grid's address without its trailing slash. Raises Unreachable with a sentence when it cannot be used.

    Over plain http the token travels in clear: to another machine only by `insecure_http`.
    """
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise Unreachable(f"“{printable(url)}” is no grid's address; give one like https://grid.example.org.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not insecure_http:
        raise Unreachable(f"{url} is plain http: your token would travel in clear. Use https, or say insecure_http.")
    return url


def refusal_of(body: bytes, status: int, reason: str = "") -> Refused:
    """The error that a refusal's body means."""
    try:
        refusal = messages.decode(body, Refusal)
    except messages.Malformed:
        refusal = Refusal("", f"The grid answered {status} {reason}".strip() + ".")
    return Refused(printable(refusal.sentence), refusal.code, printable(refusal.field), status)


def printable(text: str, most: int = 1000) -> str:
    """Text from the network, safe for a terminal: one line, no control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:most])


def _refused(response: requests.Response) -> Refused:
    if 300 <= response.status_code < 400:
        target = printable(response.headers.get("Location", "another place"))
        response.close()
        return Refused(f"The grid's address has moved to {target}; give that one.", "moved", "", response.status_code)
    body = b""
    with contextlib.suppress(requests.RequestException):
        body = response.raw.read(2**16, decode_content=True)
    response.close()
    return refusal_of(body, response.status_code, response.reason or "")


def _filename(response: requests.Response) -> str:
    """The last part of the name that the grid gives a file, as any file system takes it."""
    found = re.search(r'filename="?([^";]+)', response.headers.get("Content-Disposition", ""))
    last = re.split(r"[/\\]", found.group(1) if found else "")[-1]
    return re.sub(r"[^\w.\- ]", "_", last).strip(". ")[:120] or "download"


def _short(error: BaseException) -> str:
    # Only the innermost reason says something to a person; the outer ones name objects of libraries.
    inner: Any = error
    while inner.args and isinstance(inner.args[-1], BaseException):
        inner = inner.args[-1]
    return printable(str(getattr(inner, "reason", None) or inner) or type(inner).__name__, 200)
