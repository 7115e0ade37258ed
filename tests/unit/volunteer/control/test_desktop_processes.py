"""The icon's process is kept alive, windows are opened, and all of them end with the app."""

import subprocess
import threading
import time

import pytest

from volunteer.control.messages import Window
from volunteer.control.processes import DesktopProcesses, NoDesktop, has_desktop
from volunteer.errors import StopAndTell


class Process:
    """Ends when told; one that is `stubborn` only when killed."""

    def __init__(self, words, stubborn=False) -> None:
        self.words, self.stubborn, self.code = words, stubborn, None
        self.over = threading.Event()

    def end(self, code: int = 0) -> None:
        self.code = code
        self.over.set()

    def poll(self):
        return self.code

    def wait(self, timeout=None):
        if not self.over.wait(10 if timeout is None else timeout):
            raise subprocess.TimeoutExpired(self.words, timeout)
        return self.code

    def terminate(self) -> None:
        if not self.stubborn:
            self.end(-15)

    def kill(self) -> None:
        self.end(-9)


class Machine:
    """Where the processes start; rests are written down and last no time."""

    def __init__(self, monkeypatch, most: int = 4) -> None:
        self.started: list[Process] = []
        self.rests: list[float] = []
        self.now = 0.0
        self.stubborn = False
        self.most = most
        self.new = threading.Condition()
        self.desktop = DesktopProcesses(["--home", "/there"], self.start, lambda: self.now)
        self.rested = threading.Event()
        monkeypatch.setattr(self.desktop._stirred, "wait", self.rest)

    def start(self, words, session) -> Process:
        with self.new:
            self.started.append(Process(list(words), self.stubborn))
            self.started[-1].session = dict(session)
            self.new.notify_all()
        return self.started[-1]

    def rest(self, seconds) -> bool:
        self.rests.append(seconds)
        if len(self.rests) == self.most:
            self.rested.set()
            threading.Event().wait(0.01)
            self.desktop._closing.set()
        return False

    def nth(self, number: int) -> Process:
        with self.new:
            assert self.new.wait_for(lambda: len(self.started) >= number, 5)
        return self.started[number - 1]


@pytest.fixture
def machine(monkeypatch):
    machine = Machine(monkeypatch)
    yield machine
    machine.desktop.close()


def test_an_icon_that_dies_is_started_again_with_growing_rests(machine):
    gone = []
    machine.desktop.keep_icon(lambda: gone.append(True))
    for number in (1, 2):
        assert machine.nth(number).words[-4:] == ["volunteer.cli", "tray", "--home", "/there"]
        machine.nth(number).end(1)
    third = machine.nth(3)
    machine.now = 100.0
    third.end(1)
    machine.nth(4).end(1)
    assert machine.rested.wait(5)
    assert machine.rests == [1, 2, 1, 2], "one that lived well is started again soon"
    assert len(gone) == 4


def test_an_icon_that_dies_at_once_again_and_again_counts_as_none(machine):
    machine.desktop.keep_icon(lambda: None)
    for number in (1, 2, 3):
        machine.nth(number).end(-11)
    fourth, fifth = machine.nth(4), machine.nth(5)
    assert sorted((fourth.words[-3], fifth.words[-3])) == ["control", "tray"]
    (fourth if "tray" in fourth.words else fifth).end(-11)
    assert machine.rested.wait(5)
    assert machine.rests == [1, 2, 60, 60]


def test_without_a_tray_the_window_opens_once_and_the_icon_is_tried_now_and_then(machine):
    machine.desktop.keep_icon(lambda: None)
    windows = 0
    for number in range(4):
        machine.nth(number + 1 + windows)
        machine.desktop.tray_reported(False)
        windows = 1
        machine.nth(number + 1 + windows)
        machine.started[0 if number == 0 else number + 1].end(3)
    assert machine.rested.wait(5)
    assert machine.rests == [60, 300, 1800, 1800]
    assert [one.words[-4:] for one in machine.started].count(["window", "control", "--home", "/there"]) == 1


def test_the_window_waits_until_the_first_one_is_closed(machine):
    machine.desktop.show(Window.first_run, {})
    machine.desktop.tray_reported(False)
    assert not machine.started[0].over.wait(0.05)
    assert len(machine.started) == 1
    machine.started[0].end()
    assert "control" in machine.nth(2).words


def test_a_tray_that_shows_the_icon_opens_no_window(machine):
    machine.desktop.tray_reported(True)
    assert machine.started == []


def test_a_window_comes_to_the_front_unless_something_may_be_typed_in_it(machine):
    for window, count in ((Window.control, 2), (Window.preferences, 1)):
        machine.started.clear()
        machine.desktop.show(window, {})
        machine.desktop.show(window, {})
        assert len(machine.started) == count
        assert [one.code for one in machine.started] == [-15, None][-count:]
        machine.started[-1].end()
        machine.desktop.show(window, {})
        assert len(machine.started) == count + 1


def test_a_window_that_cannot_be_started_is_told(monkeypatch):
    def fail(_words, _session):
        raise OSError("no memory")

    desktop = DesktopProcesses(start=fail)
    with pytest.raises(StopAndTell, match="no memory"):
        desktop.show(Window.about, {})


def test_all_end_with_the_app_even_one_that_does_not_want_to(machine):
    machine.desktop.keep_icon(lambda: None)
    icon = machine.nth(1)
    machine.desktop.show(Window.control, {})
    machine.stubborn = True
    machine.desktop.show(Window.about, {})
    machine.now = 0.0
    machine.desktop.close()
    assert (icon.code, machine.started[1].code, machine.started[2].code) == (-15, -15, -9)
    with pytest.raises(StopAndTell):
        machine.desktop.show(Window.about, {})


def test_one_that_was_told_to_end_long_ago_is_killed_without_more_waiting(machine):
    machine.stubborn = True
    machine.desktop.show(Window.about, {})
    machine.desktop.begin_to_close()
    assert machine.started[0].code is None
    machine.now = 5.0
    started = time.monotonic()
    machine.desktop.close()
    assert machine.started[0].code == -9
    assert time.monotonic() - started < 1.5


def test_without_a_desktop_a_window_is_refused_with_what_to_do_instead():
    desktop = NoDesktop()
    desktop.tray_reported(False)
    with pytest.raises(StopAndTell, match="daig-volunteer status"):
        desktop.show(Window.control, {})


def test_an_icon_whose_session_has_ended_moves_to_the_one_that_asks_next():
    started, gone = [], threading.Event()

    def start(words, session):
        process = Process(list(words))
        process.session = dict(session)
        started.append(process)
        return process

    def until(condition) -> None:
        end = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.005)

    desktop = DesktopProcesses(start=start)
    desktop.keep_icon(gone.set)
    until(lambda: started)
    new = {"DISPLAY": ":7", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/new", "LD_PRELOAD": "no"}
    desktop.show(Window.control, new)
    assert started[1].session == {"DISPLAY": ":7", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/new"}
    desktop.tray_reported(False)
    started[0].end(3)
    assert gone.wait(5)
    desktop.show(Window.about, new)
    until(lambda: [one for one in started[1:] if "tray" in one.words])
    (icon,) = [one for one in started[1:] if "tray" in one.words]
    assert icon.session == started[1].session, "it did not wait a minute for a tray in the old session"
    desktop.close()


@pytest.mark.parametrize(
    ("environment", "there"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True), ({"DISPLAY": ""}, False)],
)
def test_a_display_is_what_makes_a_desktop(environment, there, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert has_desktop(environment) == there
    monkeypatch.setattr("sys.platform", "win32")
    assert has_desktop(environment)
