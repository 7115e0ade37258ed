"""Updates that are not what they seem: each way in which a grid, or who stands between, can lie to the app."""

import datetime as dt
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.releases import DEB, NOW, TARBALL, ShownRelease, Signer
from volunteer.errors import RetryLater, StopAndTell
from volunteer.protocol.releases import MANIFEST, MOST_OF_A_MANIFEST, SIGNATURE, Kind, ReleaseFile
from volunteer.update import updates as module
from volunteer.update.seen import SeenFile
from volunteer.update.trust import OLDER, WRONG_SIGNATURE, Installed
from volunteer.update.updates import NEWEST, Updates

HERE = Installed("0.1.0", "linux-x86_64", Kind.tarball)
Maker = Callable[..., Updates]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


@pytest.fixture
def host(tmp_path: Path, signer: Signer) -> Maker:
    """host(grid, ...): the updates of a program whose home stays the same."""

    def make(
        grid: ShownRelease, installed: Installed = HERE, key: bytes | None = signer.public, launch=None
    ) -> Updates:  # type: ignore[no-untyped-def]
        return Updates(lambda: grid, installed, key, tmp_path / "updates", SeenFile(tmp_path / "seen.json"), launch)

    return make


def until_here(updates: Updates) -> str:
    """What it says once the download is over."""
    for _ in range(500):
        said = updates.check()
        if "downloaded" in said and "only if you say so" not in said:
            return said
        threading.Event().wait(0.01)
    raise AssertionError(said)


def test_a_newer_signed_version_is_offered_fetched_and_never_installed(signer: Signer, host: Maker) -> None:
    grid = ShownRelease(signer.folder("0.2.0"))
    offered: list[str] = []
    updates = host(grid)
    updates.start(offered.append)
    assert updates.check() == "Version 0.2.0 can be had. It is fetched only if you say so."
    assert offered == ["0.2.0"]
    assert not [line for line in grid.asked if TARBALL.format("0.2.0") in line]
    assert "is being downloaded" in updates.install()
    said = until_here(updates)
    assert "daig-volunteer-0.2.0/install.sh" in said
    assert grid.closed > 0
    updates.stop()


def test_the_systems_own_installer_is_opened_where_there_is_one(signer: Signer, host: Maker, tmp_path: Path) -> None:
    launched: list[tuple[str, ...]] = []
    opened = threading.Event()

    def launch(command: tuple[str, ...]) -> None:
        launched.append(command)
        opened.set()

    updates = host(ShownRelease(signer.folder("0.2.0")), Installed("0.1.0", "linux-x86_64", Kind.deb), launch=launch)
    updates.install()
    assert opened.wait(5)
    assert launched == [("xdg-open", str(tmp_path / "updates" / DEB.format("0.2.0")))]


def test_a_wrong_signature_counts_for_nothing(signer: Signer, host: Maker, tmp_path: Path) -> None:
    stranger = Signer(tmp_path, "strangers-key")
    with pytest.raises(StopAndTell) as caught:
        host(ShownRelease(stranger.folder("9.9.9"))).check()
    assert caught.value.code == WRONG_SIGNATURE
    assert not (tmp_path / "seen.json").exists()


@pytest.mark.parametrize(
    "alter",
    [
        lambda body: body.replace(b"0.2.0", b"0.3.0"),
        lambda body: body.replace(b'"size":', b'"size": '),
        lambda body: body + b"\n",
        lambda body: b"",
        lambda body: b" " * (MOST_OF_A_MANIFEST + 1),
    ],
)
def test_an_altered_manifest_counts_for_nothing(signer: Signer, host: Maker, alter: Callable[[bytes], bytes]) -> None:
    folder = signer.folder("0.2.0")
    (folder / MANIFEST).write_bytes(alter((folder / MANIFEST).read_bytes()))
    with pytest.raises(StopAndTell) as caught:
        host(ShownRelease(folder)).install()
    assert caught.value.code == WRONG_SIGNATURE


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"x" * 10_000])
def test_what_is_no_signature_counts_for_nothing(signer: Signer, host: Maker, signature: bytes) -> None:
    folder = signer.folder("0.2.0")
    (folder / SIGNATURE).write_bytes(signature)
    with pytest.raises(StopAndTell):
        host(ShownRelease(folder)).check()


def test_an_older_signed_manifest_replayed_is_refused(signer: Signer, host: Maker) -> None:
    """Also when its version is newer than the program's: 0.3.0 was withdrawn, 0.2.9 has the old fault."""
    new, old = signer.folder("0.3.0"), signer.folder("0.2.9", NOW - dt.timedelta(days=30))
    grid = ShownRelease(new)
    host(grid).check()
    grid.folder = old
    for updates in (host(grid), host(grid)):
        with pytest.raises(StopAndTell) as caught:
            updates.check()
        assert caught.value.code == OLDER
        with pytest.raises(StopAndTell):
            updates.install()
    assert "24 October 2026" in caught.value.sentence


@pytest.mark.parametrize("version", ["0.1.0", "0.1", "0.0.9"])
def test_the_same_version_and_a_lower_one_are_no_update(signer: Signer, host: Maker, version: str) -> None:
    grid = ShownRelease(signer.folder(version))
    assert host(grid).check() == NEWEST
    with pytest.raises(StopAndTell, match="no update"):
        host(grid).install()


def test_an_update_for_other_systems_only_is_said_to_be_so(signer: Signer, host: Maker) -> None:
    updates = host(ShownRelease(signer.folder("0.2.0")), Installed("0.1.0", "macos-arm64", Kind.dmg))
    assert updates.check() == "Version 0.2.0 is out, but there is none for this computer's system."
    with pytest.raises(StopAndTell):
        updates.install()


def test_a_download_that_breaks_off_goes_on_where_it_stood(signer: Signer, host: Maker) -> None:
    grid = ShownRelease(signer.folder("0.2.0"))
    grid.breaks_after = [10_000, 20_000]
    updates = host(grid)
    updates.install()
    until_here(updates)
    name = TARBALL.format("0.2.0")
    size = len(name) * 1000
    assert [line for line in grid.asked if line.startswith(name)] == [
        f"{name} 0-10000", f"{name} 10000-20000", f"{name} 20000-{size}",
    ]  # fmt: skip


def test_a_grid_that_is_busy_for_long_is_asked_less_and_less_often(
    signer: Signer, host: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy(ShownRelease):
        def download_release(self, file: ReleaseFile, part: Path, go_on: Callable[[], bool]) -> None:
            raise RetryLater("The server is busy.", "busy", 0.5)

    waited: list[float] = []
    over = threading.Event()

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        if len(waited) == 20:
            over.set()
        return over.is_set()

    updates = host(Busy(signer.folder("0.2.0")))
    monkeypatch.setattr(updates._stopped, "wait", wait)
    updates.install()
    assert over.wait(5)
    assert waited[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waited[-1] == module.TRY_AGAIN_SECONDS


def test_a_file_that_comes_whole_and_wrong_is_not_fetched_again_and_again(signer: Signer, host: Maker) -> None:
    class Altered(ShownRelease):
        def download_release(self, file: ReleaseFile, part: Path, go_on: Callable[[], bool]) -> None:
            self.asked.append(file.file)
            raise RetryLater("The bytes that arrived are not those that the blob's name says.", "digest_mismatch", 0.01)

    grid = Altered(signer.folder("0.2.0"))
    updates = host(grid)
    updates.install()
    for _ in range(500):
        if "failed" in updates.check():
            break
        threading.Event().wait(0.01)
    assert "Its download failed: The bytes that arrived are not those" in updates.check()
    assert grid.asked.count(TARBALL.format("0.2.0")) == 1


def test_once_it_is_the_newest_nothing_stays_of_what_it_was_installed_from(
    signer: Signer, host: Maker, tmp_path: Path
) -> None:
    grid = ShownRelease(signer.folder("0.2.0"))
    updates = host(grid)
    updates.install()
    until_here(updates)
    unpacked = tmp_path / "updates" / "daig-volunteer-0.2.0"
    unpacked.mkdir()
    (unpacked / "install.sh").write_text("as the sentence says, it was unpacked here")
    assert "downloaded" in updates.check()
    assert unpacked.exists()
    assert host(grid, Installed("0.2.0", "linux-x86_64", Kind.tarball)).check() == NEWEST
    assert list((tmp_path / "updates").iterdir()) == []


def test_a_file_that_is_altered_after_its_download_is_not_opened(signer: Signer, host: Maker, tmp_path: Path) -> None:
    grid = ShownRelease(signer.folder("0.2.0"))
    updates = host(grid)
    updates.install()
    until_here(updates)
    path = tmp_path / "updates" / TARBALL.format("0.2.0")
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert "can be had" in updates.check()
    assert "is being downloaded" in updates.install()
    until_here(updates)


def test_a_file_larger_than_the_disk_is_not_begun(
    signer: Signer, host: Maker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "SPARE", 2**60)
    grid = ShownRelease(signer.folder("0.2.0"))
    with pytest.raises(StopAndTell, match="MB of free disk"):
        host(grid).install()
    assert list((tmp_path / "updates").iterdir()) == []


def test_an_update_that_could_be_fetched_but_not_unpacked_is_not_begun(
    signer: Signer, host: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = signer.folder("0.2.0")
    size = (folder / TARBALL.format("0.2.0")).stat().st_size
    for free, enough in ((4 * size - 1, False), (4 * size, True)):
        disk = SimpleNamespace(free=free + module.SPARE)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, disk=disk: disk)
        updates = host(ShownRelease(folder))
        if enough:
            updates.install()
            until_here(updates)
        else:
            with pytest.raises(StopAndTell, match="to be downloaded and installed"):
                updates.install()


def test_a_program_without_a_key_takes_nothing_and_says_so(signer: Signer, host: Maker) -> None:
    grid = ShownRelease(signer.folder("0.2.0"))
    updates = host(grid, key=None)
    for ask in (updates.check, updates.install):
        with pytest.raises(StopAndTell, match="release key"):
            ask()
    assert grid.asked == []


def test_a_damaged_key_takes_nothing(signer: Signer, host: Maker) -> None:
    with pytest.raises(StopAndTell):
        host(ShownRelease(signer.folder("0.2.0")), key=b"not a key").check()


def test_a_grid_without_releases_and_no_grid_at_all(signer: Signer, host: Maker, tmp_path: Path) -> None:
    assert host(ShownRelease(None)).check() == NEWEST
    nowhere = Updates(lambda: None, HERE, signer.public, tmp_path / "updates", SeenFile(tmp_path / "seen.json"))
    with pytest.raises(StopAndTell, match="no grid"):
        nowhere.check()


def test_a_release_that_comes_between_the_two_questions_is_asked_for_again(signer: Signer, host: Maker) -> None:
    old, new = signer.folder("0.2.0"), signer.folder("0.3.0", NOW + dt.timedelta(hours=1))

    class Changing(ShownRelease):
        def release_signature(self) -> bytes | None:
            self.folder = new
            return super().release_signature()

    assert "0.3.0" in host(Changing(old)).check()


def test_a_state_folder_that_cannot_be_written_is_tried_later(signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    seen = SeenFile(tmp_path / "file" / "seen.json")
    updates = Updates(lambda: ShownRelease(signer.folder("0.2.0")), HERE, signer.public, tmp_path / "updates", seen)
    with pytest.raises(RetryLater):
        updates.check()


def test_what_was_seen_is_kept_private_and_a_damaged_note_is_none(signer: Signer, host: Maker, tmp_path: Path) -> None:
    host(ShownRelease(signer.folder("0.2.0"))).check()
    note = tmp_path / "seen.json"
    assert json.loads(note.read_text()) == {"created_at": "2026-11-23T10:00:00Z"}
    assert note.stat().st_mode & 0o077 == 0
    note.write_text("{")
    assert SeenFile(note).load() is None


def test_it_looks_by_itself_now_and_then(signer: Signer, host: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_LOOK_SECONDS", 0.01)
    heard = threading.Event()
    updates = host(ShownRelease(signer.folder("0.2.0")))
    updates.start(lambda version: heard.set())
    assert heard.wait(5)
    updates.stop()
