"""The tarball's scripts with a stand-in for the program: what an upgrade keeps, and what stays when it goes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import built

LINUX = built.ROOT / "packaging" / "linux"
JOIN = 'server = "https://grid.example"\n'


class Person:
    """Somebody with a home and an unpacked tarball; `asked` is what systemd was told."""

    def __init__(self, folder: Path) -> None:
        self.home, self.top, self._tools = (folder / name for name in ("home", "unpacked", "tools"))
        self.lib = self.home / ".local/lib/daig-volunteer"
        self._asked = folder / "asked"
        for place in (self.home, self.top / "daig-volunteer", self.top / "share/icons/hicolor/48x48/apps", self._tools):
            place.mkdir(parents=True)
        _script(self.top / "daig-volunteer/daig-volunteer", "echo a stand-in")
        _script(self._tools / "systemctl", f'echo "$*" >>"{self._asked}"')
        for name in ("install.sh", "uninstall.sh"):
            shutil.copy(LINUX / name, self.top / name)
        shutil.copy(LINUX / "daig-volunteer.desktop", self.top / "share/daig-volunteer.desktop")
        shutil.copy(LINUX / "daig-volunteer.user.service", self.top / "share/daig-volunteer.service")

    def run(self, script: Path, *arguments: str) -> None:
        environment = {"HOME": str(self.home), "PATH": f"{self._tools}:{os.environ['PATH']}"}
        subprocess.run([str(script), *arguments], env=environment, capture_output=True, timeout=60, check=True)

    def install(self, *arguments: str) -> None:
        self.run(self.top / "install.sh", *arguments)

    def asked(self) -> list[str]:
        return self._asked.read_text().splitlines()


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)


def test_an_upgrade_that_was_cut_off_loses_no_join_file(person: Person) -> None:
    person.install()
    (person.lib / "daig-join.toml").write_text(JOIN)
    # So it stands when the power goes between the two steps.
    person.lib.rename(person.lib.with_name("daig-volunteer.old"))
    person.install()
    assert (person.lib / "daig-join.toml").read_text() == JOIN
    assert sorted(one.name for one in person.lib.parent.iterdir()) == ["daig-volunteer"]


def test_an_upgraded_service_is_the_new_program_at_once(person: Person) -> None:
    for _ in range(2):
        person.install("--headless")
        assert person.asked()[-3:] == [
            "--user daemon-reload", "--user enable daig-volunteer", "--user restart daig-volunteer",
        ]  # fmt: skip


@pytest.mark.parametrize("purge", [True, False])
def test_what_was_downloaded_goes_with_the_program_and_settings_only_when_purged(person: Person, purge: bool) -> None:
    person.install()
    kept = [person.home / where / "daig" for where in (".config", ".local/state")]
    cache = person.home / ".cache/daig/updates"
    for folder in (*kept, cache):
        folder.mkdir(parents=True)
    person.run(person.lib / "uninstall.sh", *(["--purge"] if purge else []))
    assert not cache.parent.exists()
    assert not person.lib.exists()
    assert [one.exists() for one in kept] == [not purge] * 2
    assert person.asked()[-1] == "--user daemon-reload"
