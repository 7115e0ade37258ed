"""By which certificate a grid is believed: one that this computer trusts, or the one that somebody named."""

import ssl
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter

from requestor.errors import Unreachable
from volunteer.protocol.digests import is_sha256


class Pinned(HTTPAdapter):
    """A grid is believed when, and only when, it shows the certificate of that fingerprint. Also behind a proxy."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, assert_fingerprint=self._fingerprint, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, assert_fingerprint=self._fingerprint, **kwargs)


def read_fingerprint(text: str) -> str:
    """A certificate's SHA-256 in plain hexadecimal; colons and capitals are allowed. Raises Unreachable."""
    plain = text.strip().replace(":", "").lower()
    if plain and not is_sha256(plain):
        raise Unreachable("A certificate's fingerprint has 64 hexadecimal digits; the grid prints it at its start.")
    return plain


def distrust(error: BaseException) -> str:
    """What to do about a certificate that is not believed; empty where something else went wrong."""
    chain = list(_causes(error))
    if any("Fingerprints did not match" in str(link) for link in chain):
        return "it shows another certificate than the one that was named. Ask its operator for the new fingerprint."
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return (
            "this computer does not trust its certificate. If the grid made it itself, name its fingerprint "
            "(--fingerprint, DAIG_FINGERPRINT): the grid prints it at its start."
        )
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: Any = error
    for _ in range(10):
        yield link
        within = getattr(link, "reason", None)
        link = within if isinstance(within, BaseException) else link.args[-1] if link.args else None
        if not isinstance(link, BaseException):
            return
