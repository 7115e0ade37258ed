"""The app with its icon and its windows on a desktop of its own: each of its processes may die at any time."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.desktop import Desktop, require_gtk
from tests.support.grid import wait_for

pytestmark = [pytest.mark.faults, pytest.mark.long]


class App:
    """`daig-volunteer` as it is started at log-in."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop
        self.process = desktop.python("-m", "volunteer.cli", "run", "--home", str(desktop.home))

    def children(self, word: str) -> list[psutil.Process]:
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if word in one.cmdline():
                        found.append(one)
        return found

    def status(self) -> dict[str, object]:
        command = [sys.executable, "-m", "volunteer.cli", "status", "--json", "--home", str(self.desktop.home)]
        done = subprocess.run(
            command, env=self.desktop.environment, capture_output=True, text=True, timeout=20, check=False
        )
        values: dict[str, object] = json.loads(done.stdout)
        return values


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    require_gtk()
    with Desktop(tmp_path / "desktop") as running:
        yield running


def test_the_icon_comes_back_and_nothing_outlives_the_app(desktop: Desktop) -> None:
    desktop.start([sys.executable, "-m", "tests.support.fake_watcher"], output=desktop.folder / "watcher.log")
    wait_for(lambda: "ready" in (desktop.folder / "watcher.log").read_text(), 10, desktop.errors)
    app = App(desktop)
    wait_for(lambda: app.status().get("tray"), 20, desktop.errors)
    (icon,) = app.children("tray")
    (window,) = wait_for(lambda: app.children("window"), 10, desktop.errors)
    icon.kill()
    wait_for(lambda: [one for one in app.children("tray") if one.pid != icon.pid], 10, desktop.errors)
    wait_for(lambda: app.status().get("tray"), 20, desktop.errors)
    left = [*app.children("tray"), window]
    app.process.kill()
    app.process.wait()
    assert app.status() == {"running": False}
    assert psutil.wait_procs(left, timeout=15)[1] == [], "what the person sees outlived the app"

    again = App(desktop)
    wait_for(lambda: again.status().get("tray"), 20, desktop.errors)
    left = psutil.Process(again.process.pid).children()
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(5) == 0
    assert psutil.wait_procs(left, timeout=5)[1] == []


def test_where_there_is_no_tray_the_window_opens_after_the_first_one_and_a_second_start_brings_it_up(
    desktop: Desktop,
) -> None:
    app = App(desktop)
    (first,) = wait_for(lambda: app.children("first-run"), 20, desktop.errors)
    log = desktop.home / "state" / "daig-volunteer.log"
    wait_for(lambda: "shows no tray icons" in log.read_text(), 30, desktop.errors)
    assert app.children("control") == []
    first.terminate()
    (opened,) = wait_for(lambda: app.children("control"), 10, desktop.errors)
    assert app.status()["tray"] is False
    assert App(desktop).process.wait(10) == 0
    wait_for(lambda: [one for one in app.children("control") if one.pid != opened.pid], 10, desktop.errors)
