"""Webhooks: a signed POST to an address that an account chose. Follows no redirect and believes no answer."""

import contextlib
import hashlib
import hmac
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from server.errors import NotDelivered
from server.post.public_addresses import connect
from server.rules.addresses import webhook_problem
from server.rules.letters import Outgoing

SIGNATURE = "X-DAIG-Signature"
DELIVERY = "X-DAIG-Delivery"
_READ_AT_MOST = 4096

Connect = Callable[[str, int], socket.socket]


def signature_of(body: bytes, secret: str) -> str:
    """What the header holds: "sha256=" and the HMAC-SHA256 of the body, by the account's webhook secret."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class WebhookPoster:
    def __init__(self, to_private: bool = False, seconds: float = 10.0) -> None:
        """`to_private`: addresses that are not public are allowed. `seconds`: for all of one delivery."""
        self._to_private = to_private
        self._seconds = seconds

    def send(self, letter: Outgoing) -> None:
        """Post the body. Raises NotDelivered: no answer, or one that is not a success."""
        problem = webhook_problem(letter.address)
        if problem:
            raise NotDelivered(problem, for_good=True)
        body = letter.body.encode()
        headers = {
            "Content-Type": "application/json", "User-Agent": "DAIG-webhook", "Accept-Encoding": "identity",
            SIGNATURE: signature_of(body, letter.secret), DELIVERY: str(letter.id),
        }  # fmt: skip
        try:
            with self._session() as session, session.post(
                letter.address, data=body, headers=headers, timeout=self._seconds, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
                with contextlib.suppress(OSError, ValueError):
                    answer.raw.read(_READ_AT_MOST)
        except (requests.RequestException, OSError, ValueError) as error:
            raise NotDelivered(f"The webhook does not answer: {type(error).__name__}.") from None
        if not 200 <= status < 300:
            raise NotDelivered(f"The webhook answered {status}.", for_good=status == 410)

    @contextlib.contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """Ends when the time is up, however slowly the other side sends: its socket is closed then."""
        opened: list[socket.socket] = []

        def checked(host: str, port: int) -> socket.socket:
            one = connect(host, port, self._seconds, self._to_private)
            opened.append(one.dup())
            return one

        def cut() -> None:
            for one in opened:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._seconds, cut)
        timer.daemon = True
        timer.start()
        with requests.Session() as session:
            # Neither the machine's proxies nor its .netrc.
            session.trust_env = False
            adapter = _Adapter(checked)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            try:
                yield session
            finally:
                timer.cancel()
                for one in opened:
                    one.close()


class _Adapter(HTTPAdapter):
    """requests, with connections of our own making: certificates are still checked against the URL's name."""

    def __init__(self, checked: Connect) -> None:
        self._checked = checked
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        checked = self._checked

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return checked(self.host, self.port or 80)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return checked(self.host, self.port or 443)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
