"""What is said of each kind of installer, and what this program is."""

import sys
from pathlib import Path

import pytest

from volunteer.protocol.releases import Kind
from volunteer.protocol.version import SOFTWARE
from volunteer.update.installing import instructions
from volunteer.update.program import kind_at, release_key, this_program


@pytest.mark.parametrize(
    ("name", "words", "opener"),
    [
        ("a_2.0_amd64.deb", "sudo apt install '/in here/a_2.0_amd64.deb'", ("xdg-open", "/in here/a_2.0_amd64.deb")),
        ("a-2.0-linux-x86_64.tar.gz", "tar -xzf '/in here/a-2.0-linux-x86_64.tar.gz' -C '/in here'", ()),
        ("a-2.0-windows-x64.exe", "/in here/a-2.0-windows-x64.exe", ("/in here/a-2.0-windows-x64.exe",)),
        ("a-2.0-macos-arm64.dmg", "drag DAIG", ("open", "/in here/a-2.0-macos-arm64.dmg")),
    ],
)
def test_each_kind_has_its_own_way(name: str, words: str, opener: tuple[str, ...]) -> None:
    how = instructions(Path("/in here") / name, "2.0", desktop=True)
    assert words in how.sentence
    assert how.opener == opener


def test_where_nobody_sees_windows_none_is_opened() -> None:
    assert instructions(Path("/x/a_2.0_amd64.deb"), "2.0", desktop=False).opener == ()


@pytest.mark.parametrize(
    ("system", "place", "kind"),
    [
        ("linux", "/usr/lib/daig-volunteer/daig-volunteer", Kind.deb),
        ("linux", "/home/me/.local/lib/daig-volunteer/daig-volunteer", Kind.tarball),
        ("windows", "/x", Kind.exe),
        ("macos", "/x", Kind.dmg),
        ("plan9", "/x", None),
    ],
)
def test_a_program_knows_how_it_was_installed(system: str, place: str, kind: Kind | None) -> None:
    assert kind_at(system, Path(place)) is kind


def test_the_key_lies_beside_the_bundled_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert release_key() is None
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "daig-volunteer"))
    assert release_key() is None
    (tmp_path / "release-key.pub").write_bytes(b"a key")
    assert release_key() == b"a key"
    assert this_program().version == SOFTWARE
