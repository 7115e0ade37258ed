"""The tarball for a person without root: installs below ~/.local, twice, and goes without a trace."""

import subprocess
from pathlib import Path

import pytest

from tests.support import built

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = built.tarball()
    print(f"\n{archive.name}: {archive.stat().st_size / 1e6:.0f} MB")
    folder = tmp_path_factory.mktemp("download")
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(folder)], check=True)
    (top,) = folder.iterdir()
    return top


def said_by(home: Path, *command: str) -> str:
    """What that command says to a person whose home this is."""
    home.mkdir(exist_ok=True)
    environment = {**built.BARE, "HOME": str(home)}
    outcome = subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def files(home: Path) -> set[str]:
    return {str(one.relative_to(home)) for one in home.rglob("*") if not one.is_dir()}


def test_it_is_installed_twice_and_removed_without_a_trace(unpacked: Path, tmp_path: Path) -> None:
    home = tmp_path / "home with a blank"
    said = said_by(home, str(unpacked / "install.sh"))
    assert "daig-volunteer " in said
    first = files(home)
    assert said_by(home, str(home / ".local/bin/daig-volunteer"), "--version").startswith("daig-volunteer ")
    entry = home / ".local/share/applications/daig-volunteer.desktop"
    checked = subprocess.run(["desktop-file-validate", str(entry)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert f'Exec="{home}/.local/lib/daig-volunteer/daig-volunteer" run' in entry.read_text()
    said_by(home, str(unpacked / "install.sh"))
    assert files(home) == first
    said_by(home, str(home / ".local/lib/daig-volunteer/uninstall.sh"), "--purge")
    assert files(home) == set()


def test_a_join_file_goes_beside_the_program_and_stays_there_through_an_upgrade(
    unpacked: Path, tmp_path: Path
) -> None:
    join = tmp_path / "lab.toml"
    join.write_text('server = "https://grid.example"\njoin_key = "daigjoin_secret"\n')
    home = tmp_path / "home"
    said_by(home, str(unpacked / "install.sh"), "--join", str(join))
    kept = home / ".local/lib/daig-volunteer/daig-join.toml"
    assert kept.read_text() == join.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    said_by(home, str(unpacked / "install.sh"))
    assert kept.read_text() == join.read_text()
