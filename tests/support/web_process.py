"""`daig-server web` alone, on a socket of ours, with one account that has a host and an access token."""

import contextlib
import datetime as dt
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from server.domain.hosts import Hosts
from server.domain.join_keys import JoinKeys
from server.domain.tokens import Tokens
from server.storage.stores import Stores, open_stores
from tests.support.certificates import SelfMade
from volunteer.protocol.messages import AttachRequest, Machine

MACHINE = Machine("Linux", "test", 2, 8 * 10**9, "0.1.0", 1, 2)


class WebProcess:
    """`token` is the host's, `access_token` its owner's. With `made` it speaks https by that certificate."""

    def __init__(self, folder: Path, made: SelfMade | None = None) -> None:
        self.data = folder / "grid"
        stores = open_stores(self.data)
        self.token, self.access_token = self._tokens(stores)
        stores.database.close()
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = self.listening.getsockname()
        self.url = f"{'https' if made else 'http'}://127.0.0.1:{self.address[1]}"
        tls = {"DAIG_TLS_CERTIFICATE": str(made.certificate), "DAIG_TLS_KEY": str(made.key)} if made else {}
        self.listening.set_inheritable(True)
        number = self.listening.fileno()
        command = [sys.executable, "-m", "server.cli", "web", "--fd", str(number), "--data", str(self.data)]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, pass_fds=[number], stdin=subprocess.PIPE, stderr=log, env={**os.environ, **tls}
            )

    @staticmethod
    def _tokens(stores: Stores) -> tuple[str, str]:
        now = dt.datetime.now(dt.UTC)
        with stores.database.write():
            owner = stores.accounts.add("owner", "no hash matches this", now).id
        key = JoinKeys(stores).create(owner, "test", 1, 1, now)
        host = Hosts(stores, "a grid").attach(AttachRequest(key, "trickler", MACHINE), now).token
        return host, Tokens(stores).create(owner, "test", ["write"], 1, now)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.listening.close()


def health(web: WebProcess, patience: float) -> float:
    """Seconds until the sign of life; infinity without one."""
    began = time.monotonic()
    with contextlib.suppress(requests.RequestException):
        if requests.get(f"{web.url}/healthz", timeout=patience, verify=not web.url.startswith("https")).ok:
            return time.monotonic() - began
    return float("inf")
