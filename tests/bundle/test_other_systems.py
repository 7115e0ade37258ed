"""What can be tried here of the installers for other systems: Debian's makensis compiles the one for Windows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import built
from volunteer.protocol.version import SOFTWARE

pytestmark = pytest.mark.long
SCRIPTS = [*sorted((built.ROOT / "packaging").rglob("*.sh")), built.ROOT / "packaging/linux/at-login"]
SCRIPTS += [built.ROOT / "packaging/linux" / name for name in ("postinst", "prerm", "postrm")]


@pytest.mark.skipif(shutil.which("makensis") is None, reason="Debian's package nsis is not installed")
def test_the_installer_for_windows_compiles_with_a_stand_in_for_the_program(tmp_path: Path) -> None:
    payload = tmp_path / "payload"
    (payload / "_internal").mkdir(parents=True)
    for name in ("daig-volunteer.exe", "daig-volunteer-tray.exe", "_internal/library"):
        (payload / name).write_bytes(os.urandom(100_000))
    built.build("packaging/icons.py", str(tmp_path))
    installer = tmp_path / "volunteer-for-windows.exe"
    command = [
        "makensis", "-V2", "-WX", f"-DVERSION={SOFTWARE}", f"-DPAYLOAD={payload}", f"-DOUTPUT={installer}",
        f"-DICON={tmp_path}/daig-volunteer.ico", str(built.ROOT / "packaging/windows/daig-volunteer.nsi"),
    ]  # fmt: skip
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert installer.read_bytes().startswith(b"MZ")
    assert installer.stat().st_size > 300_000


def test_what_is_laid_beside_the_program_can_be_read_by_whoever_starts_it(tmp_path: Path) -> None:
    """Also when the join file was private to whoever builds: in a package it is root's."""
    join = tmp_path / "daig-join.toml"
    join.write_text('server = "https://grid.example"\n')
    join.chmod(0o600)
    place = "import sys, pathlib, bundle; bundle.FOLDER = pathlib.Path(sys.argv[1]); bundle.place({}, 'beside')"
    for source, there in (("pathlib.Path(sys.argv[2])", True), ("None", False)):
        command = [sys.executable, "-c", place.format(source), str(tmp_path), str(join)]
        subprocess.run(command, cwd=built.ROOT / "packaging", check=True)
        assert (tmp_path / "beside").exists() == there
        if there:
            assert (tmp_path / "beside").stat().st_mode & 0o777 == 0o644


def test_a_package_is_for_everybody_also_when_its_builder_keeps_files_private(tmp_path: Path) -> None:
    script = "import os, sys, pathlib; os.umask(0o077); import tree; tree.write(pathlib.Path(sys.argv[1]), 'text')"
    command = [sys.executable, "-c", script, str(tmp_path / "usr/lib/a")]
    subprocess.run(command, cwd=built.ROOT / "packaging/linux", check=True)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("usr", "usr/lib", "usr/lib/a")]
    assert modes == [0o755, 0o755, 0o644]


def test_in_the_container_the_commands_and_the_program_have_one_home() -> None:
    """`podman exec daig daig-volunteer pause` must reach the program that runs there."""
    text = (built.ROOT / "packaging/container/Containerfile").read_text()
    assert "\nENV DAIG_HOME=/home/daig/data\n" in text
    assert "--home" not in text


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(built.ROOT)))
def test_the_scripts_are_for_any_shell_and_may_be_run(script: Path) -> None:
    outcome = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert os.access(script, os.X_OK)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", ["system", "user"])
def test_systemd_understands_every_line_of_its_units(unit: str, tmp_path: Path) -> None:
    text = (built.ROOT / f"packaging/linux/daig-volunteer.{unit}.service").read_text()
    # The program and its manual are not installed here: that alone would be complained of.
    left_out = ["Documentation="]
    said = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    if int(said.split()[1]) < 254:
        # The file says so: before that they are not known, and change nothing.
        left_out += ["RestartSteps=", "RestartMaxDelaySec="]
    lines = [line for line in text.splitlines() if not line.startswith(tuple(left_out))]
    file = tmp_path / "daig-volunteer.service"
    file.write_text("\n".join(lines).replace("/usr/bin/daig-volunteer", "/bin/true") + "\n")
    command = ["systemd-analyze", "verify", *(["--user"] if unit == "user" else []), str(file)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "daig-volunteer.service" not in outcome.stderr, outcome.stderr
