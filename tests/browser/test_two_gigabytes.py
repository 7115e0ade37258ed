"""Two gigabytes by the stock clients over a line that is cut five times, within a bounded memory of the server."""

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import requests
from playwright.sync_api import Page, expect
from tusclient.client import TusClient

from tests.support.broken_line import BrokenLine
from tests.support.browsing import Watch
from tests.support.grid import wait_for
from tests.support.person import Person
from tests.support.web_process import WebProcess, health

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

BYTES = 2 * 2**30
BLOCK = 2**24
MOST_MEMORY = 200 * 10**6
CUTS = [BYTES * k // 6 for k in range(1, 6)]


class Big(NamedTuple):
    path: Path
    sha256: str


class Memory:
    """The most that the web process and its children had at once."""

    def __init__(self, web: WebProcess) -> None:
        self._root = psutil.Process(web.process.pid)
        self._over = threading.Event()
        self.most = 0
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            family = [self._root, *self._root.children(recursive=True)]
            self.most = max(self.most, sum(one.memory_info().rss for one in family))

    def close(self) -> int:
        self._over.set()
        self._thread.join()
        return self.most


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Big]:
    """Noise behind the first bytes of an array."""
    path = tmp_path_factory.mktemp("big") / "big.npy"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(BYTES // BLOCK):
            block = os.urandom(BLOCK)
            digest.update(block)
            file.write(block)
    yield Big(path, digest.hexdigest())
    path.unlink()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    web = WebProcess(tmp_path_factory.mktemp("web"))
    try:
        wait_for(lambda: health(web, 5) < 5, 60)
        yield web
    finally:
        web.close()


@pytest.fixture(scope="module")
def line(web: WebProcess) -> Iterator[BrokenLine]:
    """The page's; it is cut while the file goes through."""
    with BrokenLine(web.address, CUTS) as line:
        yield line


@pytest.fixture(scope="module")
def address(line: BrokenLine) -> str:
    return line.address


def report(client: str, memory: int, seconds: float, line: BrokenLine) -> None:
    print(
        f"\n{client}: 2 GiB in {seconds:.0f} s ({BYTES / seconds / 1e6:.0f} MB/s), {line.happened} cuts, "
        f"{line.sent - BYTES:,} bytes more than the file, web process at most {memory / 1e6:.0f} MB"
    )


def test_the_stock_python_client(web: WebProcess, big: Big) -> None:
    headers = {"Authorization": f"Bearer {web.access_token}"}
    with BrokenLine(web.address, CUTS) as line, big.path.open("rb") as stream:
        memory, began = Memory(web), time.monotonic()
        sender = TusClient(f"{line.address}/api/v1/uploads", headers=headers).uploader(
            file_stream=stream, chunk_size=2**27, retries=20, retry_delay=1,
            metadata={"filename": "big.npy", "sha256": big.sha256},
        )  # fmt: skip
        sender.upload()
        seconds, most = time.monotonic() - began, memory.close()
        url = web.url + sender.url.removeprefix(line.address)
    report("tuspy", most, seconds, line)
    answer = requests.head(url, headers={**headers, "Tus-Resumable": "1.0.0"}, timeout=30)
    assert answer.headers["Upload-Sha256"] == big.sha256
    assert line.happened == len(CUTS)
    assert most < MOST_MEMORY
    assert requests.delete(url, headers={**headers, "Tus-Resumable": "1.0.0"}, timeout=30).status_code == 204


def test_the_stock_client_of_the_page(web: WebProcess, line: BrokenLine, watch: Watch, big: Big, page: Page) -> None:
    watch.expected.append("Failed to load resource")
    person = Person(web.url, "requestor").sign_up()
    page.context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": line.address} for one in person.session.cookies]
    )
    page.goto("/drafts/new")
    memory, began = Memory(web), time.monotonic()
    page.locator("#data").set_input_files(big.path)
    words = page.locator(".field:has(#data) .upload").get_by_role("status")
    expect(words).to_have_text(re.compile("Uploaded|damaged|refused|reached"), timeout=1_500_000)
    seconds, most = time.monotonic() - began, memory.close()
    report("tus-js-client in Chromium", most, seconds, line)
    assert words.inner_text() == "Uploaded, the checksum matches."
    (upload,) = person.json("/api/v1/uploads")["uploads"]
    assert upload["sha256"] == big.sha256
    assert line.happened == len(CUTS)
    assert most < MOST_MEMORY
