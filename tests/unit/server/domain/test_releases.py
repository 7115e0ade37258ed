"""Keys, signed folders, publishing: what is accepted, and that nothing changes when it is not."""

import datetime as dt
import errno
import os
from pathlib import Path

import pytest

from server import cli
from server.domain.releases import Releases, make_key, sign_folder
from server.errors import NotAcceptable, NotFound
from server.storage.releases import ReleaseFolder
from server.storage.stores import open_stores
from volunteer.protocol.releases import MANIFEST, PUBLIC_KEY, SIGNATURE
from volunteer.protocol.version import SOFTWARE

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_key(tmp_path / "release-key")
    return tmp_path / "release-key"


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(ReleaseFolder(tmp_path / "data" / "releases"))


def folder_of(place: Path, version: str = "0.2.0") -> Path:
    folder = place / f"signed-{version}"
    folder.mkdir()
    for name in (f"daig-volunteer_{version}_amd64.deb", f"daig-volunteer-{version}-windows-x64.exe"):
        (folder / name).write_bytes(name.encode())
    (folder / "notes.txt").write_text("not an installer")
    return folder


def test_a_key_is_private_and_is_never_overwritten(tmp_path: Path) -> None:
    public = make_key(tmp_path / "key")
    private, before = tmp_path / "key", (tmp_path / "key").read_bytes()
    assert private.stat().st_mode & 0o777 == 0o600
    assert public.read_text().startswith("-----BEGIN PUBLIC KEY-----")
    with pytest.raises(NotAcceptable, match="exists"):
        make_key(private)
    assert private.read_bytes() == before


def test_where_one_half_of_a_pair_exists_no_other_half_is_made(tmp_path: Path) -> None:
    """A key that does not fit the public one beside it would sign what every program refuses."""
    for there, other in (("key.pub", "key"), ("key", "key.pub")):
        (tmp_path / there).write_text("of an earlier key")
        with pytest.raises(NotAcceptable, match="exists"):
            make_key(tmp_path / "key")
        assert not (tmp_path / other).exists()
        assert (tmp_path / there).read_text() == "of an earlier key"
        (tmp_path / there).unlink()


def test_what_is_signed_can_be_published_and_is_offered(tmp_path: Path, key: Path, releases: Releases) -> None:
    assert releases.current() is None
    folder = folder_of(tmp_path)
    manifest = sign_folder(folder, key, NOW)
    assert [(one.platform, one.size) for one in manifest.files] == [("windows-x86_64", 36), ("linux-x86_64", 30)]
    assert releases.newest() == SOFTWARE, "so long nothing is offered"
    assert releases.publish(folder, NOW) == manifest
    assert releases.newest() == "0.2.0"
    about, path = releases.file("daig-volunteer_0.2.0_amd64.deb")
    assert path.read_bytes() == b"daig-volunteer_0.2.0_amd64.deb"
    assert about.size == 30
    stored = releases.require().stored
    names = (MANIFEST, SIGNATURE, PUBLIC_KEY)
    assert [stored.manifest, stored.signature, stored.public_key] == [(folder / name).read_bytes() for name in names]


@pytest.mark.parametrize("name", ["notes.txt", "manifest.json", "../current", "release-key", ""])
def test_nothing_but_installers_is_given_out(tmp_path: Path, key: Path, releases: Releases, name: str) -> None:
    folder = folder_of(tmp_path)
    sign_folder(folder, key, NOW)
    releases.publish(folder, NOW)
    with pytest.raises(NotFound):
        releases.file(name)


@pytest.mark.parametrize("what", [MANIFEST, SIGNATURE, "daig-volunteer_0.2.0_amd64.deb"])
def test_a_folder_that_was_altered_is_not_published(tmp_path: Path, key: Path, releases: Releases, what: str) -> None:
    first = folder_of(tmp_path, "0.1.0")
    sign_folder(first, key, NOW)
    releases.publish(first, NOW)
    folder = folder_of(tmp_path)
    sign_folder(folder, key, NOW)
    content = bytearray((folder / what).read_bytes())
    content[-2] ^= 1
    (folder / what).write_bytes(content)
    with pytest.raises(NotAcceptable):
        releases.publish(folder, NOW)
    assert releases.require().manifest.version == "0.1.0"


@pytest.mark.parametrize("what", [MANIFEST, SIGNATURE, PUBLIC_KEY, "daig-volunteer_0.2.0_amd64.deb"])
def test_a_folder_that_misses_something_is_not_published(
    tmp_path: Path, key: Path, releases: Releases, what: str
) -> None:
    folder = folder_of(tmp_path)
    sign_folder(folder, key, NOW)
    (folder / what).unlink()
    with pytest.raises(NotAcceptable, match="is missing"):
        releases.publish(folder, NOW)
    assert releases.current() is None


def test_a_lower_version_and_an_unknown_key_are_refused(tmp_path: Path, key: Path, releases: Releases) -> None:
    new, old, other = folder_of(tmp_path), folder_of(tmp_path, "0.1.9"), folder_of(tmp_path, "0.3.0")
    for folder in (new, old):
        sign_folder(folder, key, NOW)
    make_key(tmp_path / "another")
    sign_folder(other, tmp_path / "another", NOW)
    releases.publish(new, NOW)
    with pytest.raises(NotAcceptable, match="do not go back"):
        releases.publish(old, NOW)
    with pytest.raises(NotAcceptable, match="--new-key"):
        releases.publish(other, NOW)
    assert releases.require().manifest.version == "0.2.0"
    assert releases.publish(other, NOW, new_key=True).version == "0.3.0"


def test_what_was_signed_before_the_present_release_is_refused_as_programs_would(
    tmp_path: Path, key: Path, releases: Releases
) -> None:
    new, earlier = folder_of(tmp_path), folder_of(tmp_path, "0.2.1")
    sign_folder(new, key, NOW)
    sign_folder(earlier, key, NOW - dt.timedelta(hours=1))
    releases.publish(new, NOW)
    with pytest.raises(NotAcceptable, match="signed earlier"):
        releases.publish(earlier, NOW)
    assert releases.require().manifest.version == "0.2.0"
    assert releases.publish(new, NOW).version == "0.2.0", "the very same again changes nothing"


def test_what_a_clock_far_ahead_has_signed_is_not_published(tmp_path: Path, key: Path, releases: Releases) -> None:
    """Programs keep to the latest that they have seen: until that day they would take nothing else."""
    folder = folder_of(tmp_path)
    sign_folder(folder, key, NOW + dt.timedelta(days=400))
    with pytest.raises(NotAcceptable, match="signed at 2027-12-28 10:00 UTC, and here it is 2026-11-23 10:00"):
        releases.publish(folder, NOW)
    assert releases.current() is None
    sign_folder(folder, key, NOW + dt.timedelta(hours=14))
    assert releases.publish(folder, NOW).version == "0.2.0"


@pytest.mark.parametrize(
    ("name", "content"), [("DAIG Volunteer-0.2.0-macos-arm64.dmg", b"x"), ("a_0.2.0_amd64.deb", b"")]
)
def test_what_could_not_be_published_is_not_signed(tmp_path: Path, key: Path, name: str, content: bytes) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(NotAcceptable, match="cannot be signed"):
        sign_folder(folder, key, NOW)
    assert not (folder / MANIFEST).exists()


@pytest.mark.parametrize("server", ["grid.example.org", "ftp://grid.example.org", "https://", "https://grid:port", "x"])
def test_what_is_no_address_is_not_signed_as_one(tmp_path: Path, key: Path, server: str) -> None:
    folder = folder_of(tmp_path)
    with pytest.raises(NotAcceptable, match="is no grid's address"):
        sign_folder(folder, key, NOW, server)
    assert not (folder / MANIFEST).exists()


@pytest.mark.parametrize("step", range(9))
def test_whatever_fails_while_it_is_written_a_whole_release_is_on_offer(
    tmp_path: Path, key: Path, releases: Releases, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old, new = folder_of(tmp_path), folder_of(tmp_path, "0.3.0")
    for folder in (old, new):
        sign_folder(folder, key, NOW)
    releases.publish(old, NOW)
    left = iter([None] * step)

    def sync(path: Path) -> None:
        if next(left, path) is path:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("server.storage.releases._sync", sync)
    with pytest.raises(NotAcceptable, match="No space left"):
        releases.publish(new, NOW)
    offered = releases.require()
    assert offered.manifest.version == ("0.2.0" if step < 8 else "0.3.0")
    assert all((offered.stored.folder / one.file).exists() for one in offered.manifest.files)


def test_another_user_than_the_grids_publishes_nothing(
    tmp_path: Path, key: Path, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What root writes here, closed to everybody else, the grid could not read: three of its pages would fail."""
    folder = folder_of(tmp_path)
    sign_folder(folder, key, NOW)
    (tmp_path / "data").mkdir()
    monkeypatch.setattr("os.geteuid", lambda: os.stat(tmp_path).st_uid + 1)
    with pytest.raises(NotAcceptable, match="another user"):
        releases.publish(folder, NOW)
    assert list((tmp_path / "data").iterdir()) == []


def test_only_what_counts_stays_on_disk(tmp_path: Path, key: Path, releases: Releases) -> None:
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        folder = folder_of(tmp_path, version)
        sign_folder(folder, key, NOW)
        releases.publish(folder, NOW)
    assert len([one for one in (tmp_path / "data" / "releases").iterdir() if one.is_dir()]) == 1


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no installer"),
        (["a_1.0_amd64.deb", "a-1.1-windows-x64.exe"], "the same for all"),
        (["a_amd64.deb"], "the same for all"),
        (["a_1.0.deb"], "the same for all|processor"),
        (["a-1.0-setup.exe"], "what processor"),
    ],
)
def test_a_folder_that_does_not_say_what_it_holds_is_not_signed(
    tmp_path: Path, key: Path, names: list[str], words: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"x")
    with pytest.raises(NotAcceptable, match=words):
        sign_folder(folder, key, NOW)
    assert not (folder / MANIFEST).exists()


def test_the_commands_do_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("server.bootstrap.keep_private", lambda: None)
    folder, key = folder_of(tmp_path), tmp_path / "key"
    open_stores(tmp_path / "data").database.close()
    assert cli.main(["release-key", str(key)]) == 0
    assert cli.main(["release-key", str(key)]) == 1
    assert cli.main(["publish", str(folder), "--data", str(tmp_path / "data")]) == 1
    assert "sign-release" in capsys.readouterr().err
    assert cli.main(["sign-release", str(folder), "--key", f"{key}.pub"]) == 1
    assert "holds no private key" in capsys.readouterr().err
    assert cli.main(["sign-release", str(folder), "--key", str(tmp_path / "none")]) == 1
    assert f"{tmp_path / 'none'} cannot be read: No such file or directory." in capsys.readouterr().err
    server = "https://grid.example.org"
    assert cli.main(["sign-release", str(folder), "--key", str(key), "--server", server]) == 0
    with pytest.raises(SystemExit, match="2"):
        cli.main(["publish", str(folder), "--data", str(tmp_path / "elsewhere")])
    assert not (tmp_path / "elsewhere").exists()
    assert cli.main(["publish", str(folder), "--data", str(tmp_path / "data")]) == 0
    assert "Version 0.2.0 is on the grid's page /download: 2 installers." in capsys.readouterr().out
    offered = Releases(ReleaseFolder(tmp_path / "data" / "releases")).require()
    assert offered.manifest.server == server
