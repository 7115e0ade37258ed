"""The real web process against senders and takers that trickle: whoever asks in between is answered at once."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from server.domain.releases import Releases, sign_folder
from server.storage.releases import ReleaseFolder
from tests.support.grid import wait_for
from tests.support.releases import NOW, TARBALL, Signer
from tests.support.web_process import WebProcess, health
from volunteer.protocol.refusals import RefusalCode

SENDERS = 150


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    web = WebProcess(tmp_path_factory.mktemp("web"))
    try:
        wait_for(lambda: health(web, 5) < 5, 60)
        yield web
    finally:
        web.close()


class Tricklers:
    """So many connections that send `head` and then a byte now and then."""

    def __init__(self, web: WebProcess, head: bytes) -> None:
        self._over = threading.Event()
        self._sockets = [socket.create_connection(web.address, timeout=10) for _ in range(SENDERS)]
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.sendall(head)
        self._thread = threading.Thread(target=self._trickle)
        self._thread.start()

    def _trickle(self) -> None:
        while not self._over.wait(0.2):
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.send(b"x")

    def __enter__(self) -> "Tricklers":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for one in self._sockets:
            one.close()


def heads(web: WebProcess) -> dict[str, bytes]:
    def head(method: str, path: str, length: int, *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: grid", f"Content-Length: {length}", *more, "", ""]
        return "\r\n".join(lines).encode()

    form = "Content-Type: application/x-www-form-urlencoded"
    return {
        "nothing at all": b"",
        "half a head": b"GET /healthz HTTP/1.1\r\nX-Slow: ",
        "a log-in": head("POST", "/log-in", 1000, form),
        "a sign-up": head("POST", "/sign-up", 1000, form),
        "a machine that joins": head("POST", "/api/v1/hosts", 1000),
        "a refused upload": head("POST", "/drafts", 10**9, "Content-Type: multipart/form-data; boundary=x"),
        "a refused gradient": head("PUT", "/api/v1/results/1/gradient", 10**8, f"Authorization: Bearer {web.token}"),
        "chunks": b"POST /log-in HTTP/1.1\r\nHost: grid\r\nTransfer-Encoding: chunked\r\n" + form.encode() + b"\r\n\r\n5",  # noqa: E501
    }  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    ["nothing at all", "half a head", "a log-in", "a sign-up", "a machine that joins", "a refused upload",
     "a refused gradient", "chunks"],
)  # fmt: skip
def test_who_trickles_holds_up_nobody_else(web: WebProcess, kind: str) -> None:
    with Tricklers(web, heads(web)[kind]):
        times = []
        for _ in range(8):
            times.append(health(web, 10))
            time.sleep(0.25)
    assert max(times) < 6, times
    assert sorted(times)[len(times) // 2] < 2.5, times
    wait_for(lambda: health(web, 5) < 0.5, 10)


def test_a_sender_who_stops_is_given_up_and_told_so(web: WebProcess) -> None:
    with socket.create_connection(web.address, timeout=30) as one:
        one.sendall(b"POST /api/v1/hosts HTTP/1.1\r\nHost: grid\r\nContent-Length: 1000\r\n\r\n{")
        began = time.monotonic()
        answer = b""
        while RefusalCode.too_slow.encode() not in answer and (part := one.recv(65536)):
            answer += part
        assert answer.startswith(b"HTTP/1.1 408")
        assert RefusalCode.too_slow.encode() in answer
        assert 5 < time.monotonic() - began < 15


def test_who_takes_an_installer_slowly_holds_up_nobody(web: WebProcess, tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    folder, name = signer.folder("0.2.0"), TARBALL.format("0.2.0")
    # More than the system holds ready for a connection that nobody reads.
    os.truncate(folder / name, 50_000_000)
    sign_folder(folder, tmp_path / "release-key", NOW)
    Releases(ReleaseFolder(web.data / "releases")).publish(folder, NOW)
    with contextlib.ExitStack() as takers:
        for _ in range(SENDERS):
            taker = takers.enter_context(socket.create_connection(web.address, timeout=10))
            taker.sendall(f"GET /downloads/{name} HTTP/1.1\r\nHost: grid\r\n\r\n".encode())
        wait_for(lambda: requests.head(f"{web.url}/downloads/{name}", timeout=10).status_code == 503, 10)
        assert health(web, 5) < 1.0
    wait_for(lambda: requests.head(f"{web.url}/downloads/{name}", timeout=10).status_code == 200, 10)


def test_a_slow_but_honest_sender_is_served(web: WebProcess) -> None:
    body = b'{"done": 1}' + b" " * 400
    with socket.create_connection(web.address, timeout=30) as one:
        token = f"Authorization: Bearer {web.token}\r\n".encode()
        one.sendall(b"POST /api/v1/results/1/heartbeat HTTP/1.1\r\nHost: grid\r\n" + token)
        time.sleep(0.5)
        one.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 100):
            time.sleep(0.3)
            one.sendall(body[start : start + 100])
        assert one.recv(65536).startswith(b"HTTP/1.1 404")


def test_a_refused_sender_still_reads_why(web: WebProcess) -> None:
    answer = requests.put(
        f"{web.url}/api/v1/results/1/gradient", data=b"x" * 20_000_000, headers={"Authorization": "Bearer wrong"},
        timeout=20,
    )  # fmt: skip
    assert answer.status_code == 401
