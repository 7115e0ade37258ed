"""The Debian package's scripts, with a systemctl that only says what it was asked."""

import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "packaging/linux"


class Machine:
    """A root of its own: the scripts' absolute paths lead into it."""

    def __init__(self, root: Path, state: str) -> None:
        self.root = root
        for folder in ("run/systemd/system", "etc/daig", "bin"):
            (root / folder).mkdir(parents=True)
        (root / "etc/daig/daig-join.toml").touch()
        for name in ("systemctl", "systemd-sysusers", "systemd-tmpfiles"):
            tool = root / "bin" / name
            tool.write_text(f'#!/bin/sh\necho "{name} $*" >>{root}/asked\n[ "$1" != is-active ] || echo {state}\n')
            tool.chmod(0o755)

    def script(self, name: str, *arguments: str) -> None:
        text = (FOLDER / name).read_text()
        for folder in ("/run/", "/etc/daig/"):
            text = text.replace(f" {folder}", f" {self.root}{folder}").replace(f">{folder}", f">{self.root}{folder}")
        environment = {"PATH": f"{self.root}/bin:{os.environ['PATH']}"}
        subprocess.run(["sh", "-c", text, name, *arguments], env=environment, check=True, timeout=20)

    def restarts(self) -> int:
        asked = (self.root / "asked").read_text()
        (self.root / "asked").unlink()
        return asked.count("systemctl restart daig-volunteer.service")


@pytest.mark.parametrize(("state", "restarts"), [("active", 1), ("failed", 1), ("activating", 1), ("inactive", 0)])
def test_an_upgrade_starts_no_service_that_an_administrator_has_stopped(
    tmp_path: Path, state: str, restarts: int
) -> None:
    machine = Machine(tmp_path, state)
    machine.script("prerm", "upgrade", "0.2.0")
    machine.script("postinst", "configure", "0.1.0")
    assert machine.restarts() == restarts
    # What was remembered counts once.
    machine.script("postinst", "configure", "0.1.0")
    assert machine.restarts() == 1


def test_a_service_whose_join_file_comes_with_the_upgrade_is_started(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "inactive")
    (tmp_path / "etc/daig/daig-join.toml").unlink()
    machine.script("prerm", "upgrade", "0.2.0")
    machine.script("postinst", "configure", "0.1.0")
    assert machine.restarts() == 1


def test_a_service_that_cannot_start_is_not_tried_for_ever() -> None:
    unit = (FOLDER / "daig-volunteer.system.service").read_text()
    head, service = unit.split("[Service]")
    assert "StartLimitIntervalSec=86400" in head
    assert "StartLimitBurst=100" in head
    assert {"RestartSteps=8", "RestartMaxDelaySec=900"} <= set(service.splitlines())
