"""A release on its way: signed, published, found by the app's client on a real web process, fetched, checked."""

import hashlib
import time
from pathlib import Path

import pytest

from server.domain.releases import Releases
from server.storage.releases import ReleaseFolder
from tests.support.releases import NOW, TARBALL, Signer
from tests.support.web_process import WebProcess
from volunteer.client.grid import GridClient
from volunteer.errors import RetryLater
from volunteer.protocol.releases import Kind, ReleaseFile
from volunteer.update.seen import SeenFile
from volunteer.update.trust import Installed
from volunteer.update.updates import NEWEST, Updates


def test_a_published_release_reaches_a_host_and_bytes_that_were_altered_do_not(tmp_path: Path) -> None:
    signer, web = Signer(tmp_path), WebProcess(tmp_path)
    updates = Updates(
        lambda: GridClient(web.url), Installed("0.1.0", "linux-x86_64", Kind.tarball), signer.public,
        tmp_path / "updates", SeenFile(tmp_path / "seen.json"),
    )  # fmt: skip
    name = TARBALL.format("0.2.0")
    try:
        assert updates.check() == NEWEST
        Releases(ReleaseFolder(web.data / "releases")).publish(signer.folder("0.2.0"), NOW)
        assert "0.2.0 can be had" in updates.check()
        content = name.encode() * 1000
        updates.install()
        until = time.monotonic() + 20
        while not (tmp_path / "updates" / name).exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert (tmp_path / "updates" / name).read_bytes() == content
        assert "install.sh" in updates.check()
        _resumes_and_refuses(web, tmp_path / "part", name, content)
    finally:
        updates.stop()
        web.close()


def _resumes_and_refuses(web: WebProcess, part: Path, name: str, content: bytes) -> None:
    grid = GridClient(web.url)
    file = ReleaseFile("linux-x86_64", name, len(content), hashlib.sha256(content).hexdigest())
    part.write_bytes(content[:20_000])
    grid.download_release(file, part, lambda: True)
    assert part.read_bytes() == content
    part.write_bytes(b"!" + content[1:20_000])
    with pytest.raises(RetryLater) as caught:
        grid.download_release(file, part, lambda: True)
    assert caught.value.code == "digest_mismatch"
    assert not part.exists()
    with pytest.raises(RetryLater):
        grid.download_release(ReleaseFile("linux-x86_64", "gone.deb", 5, "0" * 64), part, lambda: True)
    grid.close()
