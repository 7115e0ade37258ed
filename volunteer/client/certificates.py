"""Which certificate a server is believed by, and what it means for the person when it is not."""

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from requests.adapters import HTTPAdapter

from volunteer.errors import RetryLater

# Uploads go out in blocks of this size.
BLOCK = 2**18
CHANGED = "certificate_changed"
UNKNOWN = "certificate_unknown"
DATES = "certificate_dates"
OTHER = "tls"
# X509_V_ERR_... of OpenSSL's x509_vfy.h.
_DATES = {9: "is not valid yet", 10: "has run out"}
_OWN_MAKE = frozenset({18, 19})


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Adapter(HTTPAdapter):
    """With a fingerprint a server is believed when, and only when, it shows that certificate: whatever its name, its
    dates and who signed it. Also behind a proxy."""

    def __init__(self, fingerprint: str = "") -> None:
        self._more: dict[str, Any] = {"blocksize": BLOCK}
        if fingerprint:
            self._more["assert_fingerprint"] = fingerprint
        super().__init__(pool_maxsize=4)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **self._more, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **self._more, **kwargs)


def distrust(error: BaseException, words: str, clock: Callable[[], dt.datetime] = utc_now) -> RetryLater:
    """What a failed TLS handshake means. `words`: what the library says of it; `clock`: this computer's."""
    chain = list(causes(error))
    if any("Fingerprints did not match" in str(link) for link in chain):
        return RetryLater(
            "The server shows another certificate than the one that this machine was told to trust. If its operator "
            "has changed it, take a new join file from the grid; if not, somebody may be listening in.",
            CHANGED,
            needs_person=True,
        )
    code = next((link.verify_code for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if code in _DATES:
        now = clock().astimezone().strftime("%d %B %Y, %H:%M")
        return RetryLater(
            f"The server's certificate {_DATES[code]}, going by this computer's clock, which says {now}. "
            "Check this computer's clock; if it is right, tell the grid's operator.",
            DATES,
            needs_person=True,
        )
    if code in _OWN_MAKE:
        return RetryLater(
            "The server made its certificate itself, and this machine was not told to trust it. Use the grid's join "
            "file (under “My computers”), which names it, or give --fingerprint what the server printed at its start.",
            UNKNOWN,
            needs_person=True,
        )
    return RetryLater(f"No secure connection to the server: {words}", OTHER, needs_person=code is not None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it wraps: only the innermost says something to a person, the others name objects of
    libraries."""
    link: Any = error
    for _ in range(10):
        yield link
        within = getattr(link, "reason", None)
        if not isinstance(within, BaseException):
            within = link.args[-1] if link.args else None
        if not isinstance(within, BaseException):
            return
        link = within


def innermost(error: BaseException) -> str:
    """The words of what an error wraps."""
    last = list(causes(error))[-1]
    return str(last) or type(last).__name__
