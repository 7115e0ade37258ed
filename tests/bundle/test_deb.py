"""The Debian package on a fresh machine: installs, runs, is upgraded under a running program, goes without a trace."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import built
from tests.support.cast import Cast
from tests.support.digits import small_cnn
from tests.support.grid import wait_for
from tests.support.volunteer import RunningVolunteer

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
HIGHER = "99.0.0"
FORM = {"epochs": "2", "k": "8", "batch_size": "32"}


@pytest.fixture(scope="module")
def package() -> Path:
    built.needs_root()
    return built.deb()


@pytest.fixture
def machine(tmp_path: Path) -> built.BareMachine:
    return built.BareMachine(tmp_path)


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    with Cast(tmp_path / "cast") as everyone:
        yield everyone


def lender(cast: Cast, machine: built.BareMachine) -> RunningVolunteer:
    """A host on that machine, at work for the grid."""
    host = RunningVolunteer(
        cast.grid.address, cast.lender.join_key(), cast.folder, "installed", "--home", "/root/daig",
        program=machine.inside("/usr/bin/daig-volunteer"), environment=built.BARE,
    )  # fmt: skip
    cast.hosts["installed"] = host
    wait_for(lambda: "attached to" in host.tail(), 60, host.tail)
    return host


def test_it_depends_on_the_c_library_alone(package: Path) -> None:
    size = package.stat().st_size / 1e6
    said = subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, text=True, check=True).stdout
    print(f"\n{package.name}: {size:.0f} MB\n{said}")
    (depends,) = (line for line in said.splitlines() if line.startswith("Depends:"))
    assert depends.startswith("Depends: libc6 (>= ")
    assert "," not in depends


def test_it_is_installed_upgraded_removed_and_purged_without_a_trace(
    package: Path, machine: built.BareMachine
) -> None:
    before = machine.files()
    machine.run("dpkg", "--install", machine.lay(package))
    assert machine.run("/usr/bin/daig-volunteer", "--version").stdout.startswith("daig-volunteer ")
    installed = machine.files()
    assert {"usr/bin/daig-volunteer", "etc/xdg/autostart/daig-volunteer.desktop"} <= installed - before
    machine.run("dpkg", "--install", machine.lay(package))
    assert machine.files() == installed
    machine.run("dpkg", "--install", machine.lay(built.deb(HIGHER)))
    assert machine.files() == installed
    (machine.root / "etc/daig").mkdir()
    for place in ("etc/daig", "usr/lib/daig-volunteer"):
        (machine.root / place / "daig-join.toml").write_text('server = "https://grid.example"\n')
    machine.run("dpkg", "--remove", "daig-volunteer")
    left = machine.files() - before
    kept = {"usr/lib/daig-volunteer", "usr/lib/daig-volunteer/daig-join.toml"}
    assert {one for one in left if not one.startswith(("etc/daig", "etc/xdg"))} == kept
    machine.run("dpkg", "--purge", "daig-volunteer")
    assert machine.files() == before


def test_a_running_program_goes_on_through_upgrades_and_ends_when_the_package_is_removed(
    package: Path, machine: built.BareMachine, cast: Cast
) -> None:
    machine.run("dpkg", "--install", machine.lay(package))
    host = lender(cast, machine)
    for other in (package, built.deb(HIGHER)):
        machine.beside(host.process.pid, "dpkg", "--install", machine.lay(other))
    # It has not computed anything yet: what it needs for that it takes from the new program.
    project = cast.digits_project(small_cnn(), FORM)
    cast.finished(project, seconds=400)
    assert host.process.poll() is None
    machine.beside(host.process.pid, "dpkg", "--remove", "daig-volunteer")
    assert host.process.wait(20) == 0, host.tail()


def test_the_desktop_is_told_in_the_way_that_it_understands(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", str(package), str(tmp_path)], check=True)
    entries = [
        tmp_path / "usr/share/applications/daig-volunteer.desktop",
        tmp_path / "etc/xdg/autostart/daig-volunteer.desktop",
    ]
    said = subprocess.run(
        ["desktop-file-validate", *map(str, entries)], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout) == (0, "")
    icon = tmp_path / "usr/share/icons/hicolor/128x128/apps/daig-volunteer.png"
    assert icon.read_bytes().startswith(b"\x89PNG")
