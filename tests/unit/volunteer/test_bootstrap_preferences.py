"""The app as it is put together follows the preferences, also those that change while it runs."""

import dataclasses
import logging
from datetime import datetime

import pytest

from volunteer.agent.workshop import GridAddress
from volunteer.bootstrap import Workbench
from volunteer.config import MIB, read_settings
from volunteer.preferences.laws import Readings
from volunteer.preferences.preferences import Preferences

NOON = datetime(2026, 11, 23, 12, 0).astimezone()


class AtLogin:
    def __init__(self):
        self.followed = []
        self.error = None

    def follow(self, wanted):
        if self.error:
            raise self.error
        self.followed.append(wanted)


class Sensors:
    def __init__(self, readings):
        self.readings = readings

    def read(self, _preferences):
        return self.readings


@pytest.fixture
def at_login():
    return AtLogin()


@pytest.fixture
def wish():
    return [Preferences()]


@pytest.fixture
def bench(tmp_path, at_login, wish):
    settings = read_settings({"home": str(tmp_path), "server": "https://grid.example"}, {}, lambda: "")
    return Workbench(settings, lambda: wish[0], at_login)


def test_the_start_at_login_follows_once_a_grid_is_chosen_and_when_preferences_change(bench, at_login, wish):
    assert at_login.followed == []
    bench.remember(GridAddress("https://grid.example"))
    wish[0] = Preferences(start_at_login=False)
    bench.read_preferences()
    assert at_login.followed == [True, False]


def test_a_login_that_cannot_be_changed_is_no_reason_to_stop(bench, at_login, caplog):
    at_login.error = PermissionError(13, "not yours")
    with caplog.at_level(logging.WARNING):
        bench.follow_login()
    assert "not yours" in caplog.text


@pytest.mark.parametrize(
    ("change", "readings", "words"),
    [
        ({"run": "idle"}, Readings(idle_seconds=130), "idle for 2 of 5 minutes"),
        ({"on_battery": False}, Readings(on_battery=True), "runs on battery"),
        ({"hours": ("18:00-19:00",)}, Readings(), "next: today 18:00"),
        ({"pause_while": ("blender",)}, Readings(programs=frozenset({"blender"})), "blender is running"),
    ],
)
def test_a_preference_that_changes_while_it_runs_keeps_it_from_working_and_says_so(
    bench, wish, monkeypatch, change, readings, words
):
    monkeypatch.setattr(bench, "_sensors", Sensors(readings))
    wish[0] = Preferences(on_battery=True)
    bench.read_preferences()
    assert bench.why_not(NOON) == []
    wish[0] = dataclasses.replace(wish[0], **change)
    bench.read_preferences()
    (reason,) = bench.why_not(NOON)
    assert words in reason.sentence


def test_threads_memory_and_processor_reach_the_trainer_and_the_grid(bench, wish):
    wish[0] = Preferences(threads=2, memory=2048, cpu_percent=30, gpu=True)
    bench.read_preferences()
    assert (bench.machine().threads, bench.machine().memory) == (2, 2048 * MIB)
    settings = bench._trainer_settings(GridAddress("https://grid.example"))
    assert (settings.threads, settings.memory, settings.cpu_percent, settings.gpu) == (2, 2048 * MIB, 30, True)


def test_bandwidth_limits_change_while_it_runs(bench, wish):
    wish[0] = Preferences(download_limit=100, upload_limit=7)
    bench.read_preferences()
    # What passes in a quarter of a second.
    assert (bench._limits.down.portion(10**9), bench._limits.up.portion(10**9)) == (25_000, 1_750)
    wish[0] = Preferences()
    bench.read_preferences()
    assert bench._limits.down.portion(10**9) == 10**9


@pytest.mark.parametrize(
    ("server", "kept"),
    [("http://127.0.0.1:8000", False), ("https://grid.example", False), ("http://grid.example", True)],
)
def test_only_what_somebody_agreed_to_is_kept_as_agreed(bench, tmp_path, server, kept):
    bench.remember(GridAddress(server, "", True))
    (file,) = tmp_path.rglob("volunteer.toml")
    assert f'server = "{server}"' in file.read_text()
    assert ("insecure_http = true" in file.read_text()) is kept


def test_what_was_kept_for_a_grid_goes_with_it(bench, tmp_path):
    left, other = GridAddress("https://left.example"), GridAddress("https://other.example")
    for address in (left, other):
        tools = bench.tools(address)
        (tools.gradients.workshop / "work").write_text("half")
        (tmp_path / "gradient").write_text("never delivered")
        tools.gradients.add("7", tmp_path / "gradient", "ab" * 32)
    bench.forget(left)
    bench.forget(left)
    assert not [one for one in tmp_path.rglob("*") if "left.example" in one.name]
    assert len([one for one in tmp_path.rglob("*") if one.name.startswith("7.")]) == 1
