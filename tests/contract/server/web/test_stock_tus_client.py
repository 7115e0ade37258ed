"""tuspy, as its makers give it away, against a real web process over a line that breaks."""

import contextlib
import hashlib
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from tusclient.client import TusClient

from tests.support.broken_line import BrokenLine
from tests.support.grid import wait_for
from tests.support.web_process import WebProcess, health

PART = 2**22
DATA = random.Random(3).randbytes(3 * PART + 1234)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    web = WebProcess(tmp_path_factory.mktemp("web"))
    try:
        wait_for(lambda: health(web, 5) < 5, 60)
        yield web
    finally:
        web.close()


def headers(web: WebProcess, **more: str) -> dict[str, str]:
    given = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {web.access_token}", **given}


def begun(web: WebProcess, size: int = len(DATA)) -> str:
    answer = requests.post(f"{web.url}/api/v1/uploads", headers=headers(web, Upload_Length=str(size)), timeout=20)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def offset(web: WebProcess, path: str) -> int:
    return int(requests.head(web.url + path, headers=headers(web), timeout=20).headers["Upload-Offset"])


def sending(web: WebProcess, path: str, at: int, body: bytes) -> socket.socket:
    """A connection whose body was begun and does not end."""
    fields = headers(web, Content_Type="application/offset+octet-stream", Upload_Offset=str(at), Host="grid")
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection = socket.create_connection(web.address, timeout=20)
    connection.sendall(f"PATCH {path} HTTP/1.1\r\nContent-Length: 1000000\r\n{head}\r\n".encode() + body)
    return connection


def test_the_stock_client_sends_a_file_over_a_line_that_breaks(web: WebProcess, tmp_path: Path) -> None:
    file = tmp_path / "data.npy"
    file.write_bytes(DATA)
    cuts = [len(DATA) * k // 4 for k in (1, 2, 3)]
    with BrokenLine(web.address, cuts) as line, file.open("rb") as stream:
        client = TusClient(f"{line.address}/api/v1/uploads", headers={"Authorization": f"Bearer {web.access_token}"})
        about = {"filename": "data.npy", "sha256": DIGEST}
        sender = client.uploader(file_stream=stream, chunk_size=PART, retries=10, retry_delay=0.2, metadata=about)
        sender.upload()
        assert line.happened == len(cuts)
        # Each cut fell into a part of which the bytes that had come stayed.
        assert line.sent < len(DATA) + 1.5 * PART
    path = sender.url.removeprefix(line.address)
    assert requests.head(web.url + path, headers=headers(web), timeout=20).headers["Upload-Sha256"] == DIGEST
    assert (web.data / "partial" / path.rsplit("/", 1)[1]).read_bytes() == DATA


def test_a_line_that_died_silently_does_not_keep_its_successor_out(web: WebProcess) -> None:
    path = begun(web)
    with contextlib.closing(sending(web, path, 0, DATA[:300_000])):
        wait_for(lambda: offset(web, path) > 0, 10)
        time.sleep(0.3)
        began = time.monotonic()
        at = offset(web, path)
        rest = headers(web, Content_Type="application/offset+octet-stream", Upload_Offset=str(at))
        answer = requests.patch(web.url + path, data=DATA[at:], headers=rest, timeout=30)
        assert answer.status_code == 204, answer.text
        assert answer.headers["Upload-Sha256"] == DIGEST
        assert time.monotonic() - began < 10


def test_a_sender_at_work_is_not_driven_out(web: WebProcess) -> None:
    path = begun(web)
    rude = headers(web, Content_Type="application/offset+octet-stream", Upload_Offset="0")
    with contextlib.closing(sending(web, path, 0, b"")) as at_work, ThreadPoolExecutor() as beside:
        answer = beside.submit(requests.patch, web.url + path, data=b"x", headers=rude, timeout=20)
        for place in range(0, 2**18, 2**12):
            at_work.sendall(DATA[place : place + 2**12])
            time.sleep(0.02)
        assert answer.result().status_code in (409, 423)
    wait_for(lambda: offset(web, path) >= 2**18 - 2**17, 10)


def test_one_account_with_many_slow_uploads_leaves_the_threads_to_others(web: WebProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(contextlib.closing(sending(web, begun(web, 10**6), 0, b"x")))
        times = [health(web, 10) for _ in range(5)]
    assert max(times) < 2, times


def test_a_body_without_a_stated_length_is_taken_too(web: WebProcess) -> None:
    path = begun(web)
    about = headers(web, Content_Type="application/offset+octet-stream", Upload_Offset="0")
    answer = requests.patch(web.url + path, data=iter([DATA[:PART], DATA[PART:]]), headers=about, timeout=20)
    assert (answer.status_code, answer.headers["Upload-Sha256"]) == (204, DIGEST)
    small = begun(web, 100)
    assert requests.patch(web.url + small, data=iter([DATA[:200]]), headers=about, timeout=20).status_code == 413


def test_deleting_an_upload_ends_its_sender(web: WebProcess) -> None:
    path = begun(web)
    with contextlib.closing(sending(web, path, 0, DATA[:300_000])) as sender:
        wait_for(lambda: (web.data / "partial" / path.rsplit("/", 1)[1]).stat().st_size > 0, 10)
        assert requests.delete(web.url + path, headers=headers(web), timeout=20).status_code == 204
        assert sender.recv(100).startswith(b"HTTP/1.1 4")
