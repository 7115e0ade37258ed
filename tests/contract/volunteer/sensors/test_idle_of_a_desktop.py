"""Idle time as a real X server and a real message bus tell it."""

import contextlib
import subprocess
import sys
import threading
import time

import pytest
from jeepney import HeaderFields, MessageType, message_bus, new_method_return
from jeepney.io.blocking import open_dbus_connection

from tests.support.desktop import Desktop, require
from volunteer.preferences.laws import reasons
from volunteer.preferences.preferences import Preferences
from volunteer.sensors.linux import IdleTime, places_of
from volunteer.sensors.sensors import MachineSensors

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="desktops of Linux")
WISH = Preferences(run="idle", idle_minutes=1)


@pytest.fixture
def desktop(tmp_path):
    with Desktop(tmp_path, size="320x200") as desktop:
        yield desktop


def test_an_x_server_tells_since_when_nobody_touched_anything(desktop):
    idle = IdleTime(places_of({"DISPLAY": desktop.display})[:1])
    sensors = MachineSensors(idle.seconds)
    desktop.run("xdotool", "mousemove", "10", "10")
    first = sensors.read(WISH)
    assert first.idle_seconds is not None
    assert first.idle_seconds < 2
    assert "(idle for 0 of 1 minute)" in reasons(WISH, first, None)[0].sentence
    time.sleep(2.2)
    later = sensors.read(WISH).idle_seconds
    assert later >= 2
    desktop.run("xdotool", "key", "a")
    time.sleep(1.05)
    assert sensors.read(WISH).idle_seconds < later
    idle.close()


def test_an_x_server_that_goes_away_is_no_reason_to_fail(desktop, monkeypatch):
    idle = IdleTime(places_of({"DISPLAY": desktop.display})[:1])
    assert idle.seconds() is not None
    desktop.__exit__(None, None, None)
    assert idle.seconds() is None


@pytest.fixture
def bus(monkeypatch):
    """Both the session's and the system's."""
    require("dbus-daemon")
    command = ["dbus-daemon", "--session", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        address = daemon.stdout.readline().strip()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield address
        daemon.kill()


class Service:
    """Has a name on the bus, and answers what it is asked."""

    def __init__(self, name, answer):
        self._bus = open_dbus_connection("SESSION")
        self._bus.send_and_get_reply(message_bus.RequestName(name))
        self._answer = answer
        self._ends = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._ends = True
        self._thread.join()
        self._bus.close()

    def _serve(self):
        while not self._ends:
            with contextlib.suppress(TimeoutError):
                message = self._bus.receive(timeout=0.05)
                if message.header.message_type is MessageType.method_call:
                    fields = message.header.fields
                    signature, body = self._answer(fields[HeaderFields.path], fields[HeaderFields.member], message.body)
                    self._bus.send(new_method_return(message, signature, body))


def login_manager(hint, seconds):
    def answer(path, member, body):
        assert (path, member) == ("/org/freedesktop/login1", "Get")
        since = int((time.time() - seconds) * 1e6)
        return "v", ((("b", hint) if body[1] == "IdleHint" else ("t", since)),)

    return answer


@pytest.mark.parametrize(
    ("name", "answer", "least", "most"),
    [
        ("org.gnome.Mutter.IdleMonitor", lambda *_asked: ("t", (61_500,)), 61.5, 61.5),
        ("org.freedesktop.ScreenSaver", lambda *_asked: ("u", (42_000,)), 42, 42),
        ("org.freedesktop.login1", login_manager(False, 0), 0, 0),
        ("org.freedesktop.login1", login_manager(True, 100), 99, 200),
    ],
)
def test_services_of_the_bus_tell_it_where_there_is_no_x_server(bus, name, answer, least, most):
    idle = IdleTime(places_of({"XDG_SESSION_TYPE": "wayland"}))
    with Service(name, answer):
        seconds = idle.seconds()
    idle.close()
    assert seconds is not None
    assert least <= seconds <= most


def test_a_bus_without_any_of_them_tells_nothing_and_soon(bus):
    begun = time.monotonic()
    assert IdleTime(places_of({"XDG_SESSION_TYPE": "wayland"})).seconds() is None
    assert time.monotonic() - begun < 2
