"""The built program: what it holds, how fast it starts, and that it works where there is no Python."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import built
from tests.support.cast import Cast
from tests.support.digits import small_cnn
from tests.support.grid import wait_for
from tests.support.volunteer import RunningVolunteer
from volunteer.cli import NOT_RUNNING

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
MOST_MEGABYTES = 1000
FORM = {"epochs": "1", "k": "8", "batch_size": "32"}


@pytest.fixture(scope="module")
def program() -> Path:
    return built.bundle()


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    with Cast(tmp_path / "cast") as everyone:
        yield everyone


def modules_of(program: Path) -> set[str]:
    """The Python modules in the program's archive."""
    from PyInstaller.archive.readers import CArchiveReader

    archive = CArchiveReader(str(program))
    found: set[str] = set()
    for name, entry in archive.toc.items():
        if entry[-1] == "z":
            found |= set(archive.open_embedded_archive(name).toc)
    return found


def test_the_bundle_is_not_larger_than_it_has_to_be(program: Path) -> None:
    files = [one for one in program.parent.rglob("*") if one.is_file() and not one.is_symlink()]
    megabytes = sum(one.stat().st_size for one in files) / 1e6
    largest = sorted(files, key=lambda one: -one.stat().st_size)[:5]
    print(f"\nthe bundle: {megabytes:.0f} MB in {len(files)} files")
    for one in largest:
        print(f"  {one.stat().st_size / 1e6:6.1f} MB {one.relative_to(program.parent)}")
    assert megabytes < MOST_MEGABYTES


def test_the_bundle_holds_every_room_of_the_volunteer_and_nobody_elses(program: Path) -> None:
    modules = modules_of(program)
    rooms = {
        ".".join(path.relative_to(built.ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (built.ROOT / "volunteer").rglob("*.py")
    }
    tops = {name.split(".")[0] for name in modules}
    print(f"\nthe bundle: {len(modules)} modules of {len(tops)} packages")
    assert rooms - modules == set()
    assert {"tensorflow", "keras", "requests", "pystray", "psutil", "tkinter"} <= tops
    assert tops & {"server", "requestor", "tests", "pytest", "h5py", "flask", "peewee", "pyarrow", "scipy"} == set()


def test_no_file_beside_the_program_is_of_the_server_or_a_test(program: Path) -> None:
    names = {one.name for one in program.parent.iterdir()}
    assert names <= {"daig-volunteer", "_internal", "daig-join.toml", "release-key.pub"}
    inside = {one.name for one in (program.parent / "_internal").iterdir()}
    assert inside & {"server", "requestor", "tests", "h5py", "include"} == set()


@pytest.mark.parametrize("arguments", [["--version"], ["--module", "volunteer.cli", "--version"]])
def test_it_starts_in_an_empty_environment_and_an_empty_folder(
    program: Path, arguments: list[str], tmp_path: Path
) -> None:
    begun = time.monotonic()
    outcome = subprocess.run(
        [str(program), *arguments], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60, check=False
    )
    took = time.monotonic() - begun
    print(f"\n{arguments}: {took:.2f} s")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.startswith("daig-volunteer ")
    assert list(tmp_path.iterdir()) == []


def test_it_runs_no_module_but_its_own(program: Path) -> None:
    outcome = subprocess.run([str(program), "--module", "pdb"], capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == 2
    assert "no module" in outcome.stderr


def works_for_a_grid(host: RunningVolunteer, cast: Cast, project: int) -> None:
    """Until the project is finished; then it ends when it is asked to, and leaves no child."""
    wait_for(lambda: host.child() is not None, 120, host.tail)
    child = host.child()
    assert child is not None
    cast.finished(project, seconds=400)
    print(f"\nthe trainer: {child.memory_info().rss / 1e6:.0f} MB resident")
    assert host.process.poll() is None
    assert host.stop() == 0
    assert not child.is_running()


def test_in_a_bare_environment_it_attaches_to_a_grid_and_completes_a_project(program: Path, cast: Cast) -> None:
    project = cast.digits_project(small_cnn(), FORM)
    host = RunningVolunteer(
        cast.grid.address, cast.lender.join_key(), cast.folder, "bare", program=[str(program)], environment={}
    )
    cast.hosts["bare"] = host
    wait_for(lambda: host.child() is not None, 120, host.tail)
    asked = [str(program), "status", "--json", "--home", str(host.home)]
    said = subprocess.run(asked, env={}, capture_output=True, text=True, timeout=60, check=True).stdout
    status = json.loads(said)
    lacks = status["missing_protection"]
    print(f"\nwhat the box lacks here: {'not tried yet' if lacks is None else lacks or 'nothing'}")
    assert status["server"] == cast.grid.address
    works_for_a_grid(host, cast, project)


def test_a_join_file_beside_the_program_is_enough(program: Path, cast: Cast, tmp_path: Path) -> None:
    copy = tmp_path / "program"
    subprocess.run(["cp", "--recursive", "--link", str(program.parent), str(copy)], check=True)
    join = f'server = "{cast.grid.address}"\njoin_key = "{cast.lender.join_key()}"\n'
    (copy / "daig-join.toml").write_text(join)
    log = tmp_path / "log"
    command = [str(copy / program.name), "run", "--headless", "--home", str(tmp_path / "home")]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd="/", env={}, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        wait_for(lambda: "attached to" in log.read_text(), 60, log.read_text)
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_without_a_running_app_it_says_so(program: Path, tmp_path: Path) -> None:
    asked = [str(program), "status", "--home", str(tmp_path / "home")]
    outcome = subprocess.run(asked, cwd="/", env={}, capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == NOT_RUNNING
    assert "not running" in (outcome.stdout + outcome.stderr)


def test_on_a_machine_without_python_it_attaches_to_a_grid_and_completes_a_project(
    program: Path, cast: Cast, tmp_path: Path
) -> None:
    built.needs_root()
    machine = built.BareMachine(tmp_path)
    assert machine.run("sh", "-c", "command -v python3 || command -v python", check=False).returncode != 0
    subprocess.run(["cp", "-r", str(program.parent), str(machine.root / "opt")], check=True)
    command = machine.inside("/opt/daig-volunteer/daig-volunteer")
    begun = time.monotonic()
    assert machine.run("/opt/daig-volunteer/daig-volunteer", "--version").stdout.startswith("daig-volunteer ")
    print(f"\non a bare machine: starts in {time.monotonic() - begun:.2f} s")
    project = cast.digits_project(small_cnn(), FORM)
    host = RunningVolunteer(
        cast.grid.address, cast.lender.join_key(), cast.folder, "bare", "--home", "/root/daig",
        program=command, environment=built.BARE,
    )  # fmt: skip
    cast.hosts["bare"] = host
    works_for_a_grid(host, cast, project)
