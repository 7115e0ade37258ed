"""A real host on a desktop of its own, while it trains: whatever its person prefers, the processor is free soon."""

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.cast import Cast
from tests.support.desktop import Desktop
from tests.support.digits import small_cnn
from tests.support.grid import wait_for
from tests.support.volunteer import RunningVolunteer

pytestmark = [pytest.mark.long, pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="X server")]
FORM = {"k": "64", "batch_size": "16", "report_deadline": "600", "epochs": "500"}


class Polite:
    """The host, its command line, and how much processor its trainer has used."""

    def __init__(self, host: RunningVolunteer) -> None:
        self.host = host

    def ask(self, *words: str) -> str:
        command = [sys.executable, "-m", "volunteer.cli", *words, "--home", str(self.host.home)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def prefer(self, *words: str) -> None:
        self.ask("prefs", "set", *words)

    def status(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.ask("status", "--json"))
        return values

    def used(self) -> float:
        child = self.host.child()
        if child is None:
            return 0.0
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)

    def works(self) -> None:
        before = self.used()
        wait_for(lambda: self.used() > before + 0.2, 60, self.host.tail)

    def stops_within(self, seconds: float, words: str) -> None:
        """From now on; and the status line says why."""
        begun = time.monotonic()
        last, since = self.used(), begun
        while time.monotonic() - since < 1.5:
            assert time.monotonic() - begun < seconds + 1.5, f"it still computes: {self.status()}"
            time.sleep(0.05)
            if (now := self.used()) > last:
                last, since = now, time.monotonic()
        print(f"{words}: the processor was free after {since - begun:.2f} s")
        assert words in self.status()["sentence"]


@pytest.fixture
def polite(cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with Desktop(tmp_path / "desktop", size="320x200") as desktop:
        monkeypatch.setenv("DISPLAY", desktop.display)
        for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
            monkeypatch.delenv(name, raising=False)
        cast.digits_project(small_cnn(), FORM)
        polite = Polite(cast.host("steady", "--cpu-percent", "50"))
        wait_for(lambda: polite.host.child() is not None, 60, cast.explain)
        polite.works()
        yield polite, desktop


def test_each_reason_frees_the_processor_and_its_end_sets_the_host_going(polite: Any, tmp_path: Path) -> None:
    host, desktop = polite
    program = tmp_path / "daig-game"
    program.symlink_to("/bin/sleep")
    host.prefer("pause_while", "daig-game")
    host.works()
    with subprocess.Popen([program, "600"]) as game:
        host.stops_within(7, "daig-game is running")
        game.kill()
    host.works()

    later = datetime.now() + timedelta(hours=2)
    host.prefer("hours", f"{later:%H}:00-{later:%H}:30")
    host.stops_within(1.5, "outside of its hours")
    host.prefer("hours", "any")
    host.works()

    host.prefer("run", "idle", "idle_minutes", "1")
    desktop.run("xdotool", "key", "a")
    host.stops_within(1.5, "the computer is in use (idle for 0 of 1 minute)")
    begun = time.monotonic()
    wait_for(lambda: not host.status()["reasons"], 90, every=0.5)
    assert time.monotonic() - begun > 50
    host.works()
    desktop.run("xdotool", "mousemove", "20", "20")
    host.stops_within(2, "the computer is in use")
