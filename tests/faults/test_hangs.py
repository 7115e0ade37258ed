"""Processes that do not end but hang: noticed, killed, started again; nobody's lease is lost over it."""

import contextlib
import os
import signal
import stat
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.grid import RunningGrid, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def _answers(grid: RunningGrid) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{grid.address}/healthz", timeout=2).ok
    return False


def _is_gone(process: psutil.Process) -> bool:
    """Also as a zombie: it lost its parent, and whoever inherits it may take a while to notice."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def test_a_web_process_and_a_scheduler_that_hang_are_killed_and_started_again(tmp_path: Path) -> None:
    with RunningGrid(tmp_path) as grid:
        web, scheduler = grid.process_of("server.cli web"), grid.process_of("server.cli scheduler")
        worker = wait_for(web.children, 20)[0]
        wait_for(lambda: len(grid.processes()) >= 4, 60, grid.tail)
        for one in (web, worker, scheduler):
            one.send_signal(signal.SIGSTOP)
        wait_for(lambda: _answers(grid), 90, grid.tail)
        wait_for(lambda: _is_gone(worker), 10, grid.tail)
        wait_for(lambda: _is_gone(scheduler), 90, grid.tail)
        wait_for(lambda: grid.tail().count("scheduler runs as process") == 2, 20, grid.tail)
        assert "web has shown no life for 30 s" in grid.tail()
        assert grid.stop() == 0


def test_what_the_grid_keeps_is_for_nobody_else_on_the_machine(tmp_path: Path) -> None:
    data = tmp_path / "grid"
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    with RunningGrid(tmp_path) as grid:
        requests.get(f"{grid.address}/", timeout=10)
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        for folder, _, files in os.walk(data):
            for name in files:
                with contextlib.suppress(FileNotFoundError):
                    assert (Path(folder) / name).stat().st_mode & 0o077 == 0, name
