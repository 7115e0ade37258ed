"""The app and its command line, each a process of its own, against a stand-in grid."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

JOIN_KEY = "join-me-please"


class AppAtHome:
    """`daig-volunteer` with a home of its own; `app` is the process that `run --headless` became."""

    def __init__(self, home, url: str) -> None:
        self.home, self.url = home, url
        self.log = home.parent / "log"
        self.app: subprocess.Popen | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "volunteer.cli", *arguments, "--home", str(self.home)]

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("DAIG_")}

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.app = subprocess.Popen(
                self.command("run", "--headless", "--server", self.url, "--threads", "1"), stderr=log,
                env=self.environment() | {"DAIG_JOIN_KEY": JOIN_KEY},
            )  # fmt: skip

    def ask(self, *arguments: str) -> tuple[int, str]:
        """(exit code, what it said on either stream)"""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=20, env=self.environment(), check=False
        )
        return done.returncode, done.stdout + done.stderr

    def status(self) -> dict:
        code, said = self.ask("status", "--json")
        values = json.loads(said.splitlines()[0])
        assert values["running"] == (code == 0)
        return values

    def until(self, **wanted) -> dict:
        end = time.monotonic() + 20
        while True:
            status = self.status()
            if all(status.get(name) == value for name, value in wanted.items()):
                return status
            assert time.monotonic() < end, (status, self.log.read_text())
            time.sleep(0.05)


@pytest.fixture
def at_home(tmp_path, stand_in):
    at_home = AppAtHome(tmp_path / "home", stand_in.url)
    yield at_home
    if at_home.app is not None and at_home.app.poll() is None:
        at_home.app.kill()
        at_home.app.wait()


def test_a_headless_app_obeys_its_command_line(at_home, stand_in):
    assert at_home.ask("status") == (3, "DAIG is not running.\n")
    code, said = at_home.ask("pause")
    assert (code, "not running" in said) == (0, True)
    assert at_home.ask("prefs", "set", "cpu_percent", "50")[0] == 0

    at_home.start()
    paused = at_home.until(running=True, activity="paused")
    assert (paused["sentence"], paused["server"]) == ("Paused until you resume.", stand_in.url)
    assert at_home.ask("prefs", "get", "cpu_percent") == (0, "50\n")
    assert at_home.ask("prefs", "set", "cpu_percent", "70", "threads", "1") == (0, "cpu_percent = 70\nthreads = 1\n")
    assert at_home.ask("prefs", "set", "cpu_percent", "700")[0] == 2
    assert not stand_in.requests("work"), "it asked for work although it was paused before it started"

    code, said = at_home.ask("run", "--headless", "--server", stand_in.url)
    assert (code, "Another DAIG volunteer" in said) == (1, True)

    code, said = at_home.ask("resume")
    assert (code, "aused" in said) == (0, False)
    at_home.until(activity="waiting_for_work", reasons=[])
    assert at_home.ask("pause", "--for", "2h")[0] == 0
    again = at_home.until(activity="paused")
    assert again["paused_until"].endswith("Z")
    assert psutil.Process(at_home.app.pid).memory_info().rss < 80e6

    at_home.app.send_signal(signal.SIGHUP)
    assert at_home.app.wait(5) == 0
    at_home.start()
    at_home.until(running=True, activity="paused")
    assert at_home.ask("quit") == (0, "DAIG has ended.\n")
    assert at_home.app.wait(5) == 0
    assert at_home.ask("quit") == (3, "DAIG is not running.\n")
    assert not (at_home.home / "state" / "control.sock").exists()
    assert at_home.ask("prefs", "get", "cpu_percent") == (0, "70\n")


def test_attaching_and_detaching_without_a_running_app(at_home, stand_in):
    key = at_home.home.parent / "key"
    key.write_text(JOIN_KEY)
    code, said = at_home.ask("attach", stand_in.url, "--join-key-file", str(key))
    assert (code, "is a host of" in said) == (0, True)
    assert 'server = "' in (at_home.home / "config" / "volunteer.toml").read_text()
    code, said = at_home.ask("detach")
    assert code == 0
    assert "no longer works for" in said
    assert at_home.ask("detach")[0] == 1


def test_attaching_to_a_grid_that_does_not_answer_ends_with_a_sentence(at_home, stand_in):
    stand_in.faults["device"] = ["silence"] * 10
    code, said = at_home.ask("attach", stand_in.url)
    assert (code, "daig-volunteer: " in said) == (1, True)
    assert at_home.ask("detach")[0] == 1
