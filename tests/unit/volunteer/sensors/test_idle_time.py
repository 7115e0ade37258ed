"""Where a Linux session's idle time comes from: the first place that answers, another one when it no longer does."""

import contextlib
import socket
import struct
import sys
import threading

import pytest

from volunteer.sensors import linux
from volunteer.sensors.linux import LOOK_AGAIN_SECONDS, IdleTime, places_of
from volunteer.sensors.wayland import LIMIT_SECONDS, WaylandIdle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions of Linux")


class Place:
    def __init__(self, seconds):
        self.answer = seconds
        self.closed = False

    def seconds(self):
        if self.answer is None:
            raise ConnectionResetError
        return self.answer

    def close(self):
        self.closed = True


def refusing():
    raise OSError("not there")


def test_the_first_place_that_answers_is_kept():
    calls = []
    silent, good = Place(None), Place(3.0)
    idle = IdleTime([refusing, lambda: silent, lambda: calls.append(1) or good], lambda: 0.0)
    assert [idle.seconds(), idle.seconds()] == [3.0, 3.0]
    assert len(calls) == 1
    assert silent.closed


def test_a_place_that_falls_silent_is_left_for_another():
    now = [0.0]
    first, second = Place(1.0), Place(2.0)
    idle = IdleTime([lambda: first, lambda: second], lambda: now[0])
    assert idle.seconds() == 1.0
    first.answer = None
    assert idle.seconds() is None
    now[0] += LOOK_AGAIN_SECONDS
    assert idle.seconds() == 2.0
    assert first.closed


def test_where_nobody_answers_they_are_asked_again_only_later():
    now, calls = [0.0], []
    idle = IdleTime([lambda: calls.append(1) or Place(None)], lambda: now[0])
    assert [idle.seconds() for _ in range(3)] == [None] * 3
    assert len(calls) == 1
    now[0] += LOOK_AGAIN_SECONDS
    assert idle.seconds() is None
    assert len(calls) == 2


def test_a_better_place_that_opens_later_is_moved_to():
    now, best, second = [0.0], Place(None), Place(2.0)
    idle = IdleTime([lambda: best, lambda: second], lambda: now[0])
    assert idle.seconds() == 2.0
    best.answer = 1.0
    assert idle.seconds() == 2.0
    now[0] += LOOK_AGAIN_SECONDS
    assert idle.seconds() == 1.0
    assert second.closed
    now[0] += LOOK_AGAIN_SECONDS
    second.answer = None
    assert idle.seconds() == 1.0


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, ["LoginManager"]),
        ({"DISPLAY": ":0"}, ["XIdle", "Mutter", "ScreenSaver", "LoginManager"]),
        # Within Wayland the X server knows only what is typed into its own windows.
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-1"}, ["Mutter", "WaylandIdle", "ScreenSaver", "LoginManager"]),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, ["Mutter", "WaylandIdle", "ScreenSaver", "LoginManager"]),
    ],
)
def test_each_kind_of_session_has_its_places(monkeypatch, environment, names):
    for name in ("XIdle", "WaylandIdle", "Mutter", "ScreenSaver", "LoginManager"):
        monkeypatch.setattr(linux, name, lambda *_where, name=name: name)
    assert [connect() for connect in places_of(environment)] == names


class Compositor:
    """Speaks as much Wayland as the sensor does."""

    def __init__(self, path, offers=("wl_compositor", "wl_seat", "ext_idle_notifier_v1")):
        self._offers = offers
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self.bound = {}
        self.notification = None
        self.ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def say(self, object_id, opcode, body=b""):
        self._line.sendall(struct.pack("=II", object_id, (8 + len(body)) << 16 | opcode) + body)

    def close(self):
        # To close a socket that a thread reads from is that thread's mistake to see: it is hung up first.
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._line.close()
        self._listener.close()

    def _serve(self):
        self._line, _ = self._listener.accept()
        # The other side may hang up at any point.
        with contextlib.suppress(ConnectionError):
            while not self.ready.is_set() and len(head := self._line.recv(8, socket.MSG_WAITALL)) == 8:
                object_id, rest = struct.unpack("=II", head)
                self._take(object_id, rest & 0xFFFF, self._line.recv((rest >> 16) - 8, socket.MSG_WAITALL))

    def _take(self, object_id, opcode, body):
        if (object_id, opcode) == (1, 1):
            registry = struct.unpack("=I", body)[0]
            for number, name in enumerate(self._offers, start=10):
                raw = name.encode() + b"\0"
                padded = raw + b"\0" * (-len(raw) % 4)
                said = struct.pack("=II", number, len(raw)) + padded + struct.pack("=I", 1)
                self.say(registry, 0, said)
        elif (object_id, opcode) == (1, 0):
            self.say(struct.unpack("=I", body)[0], 0, struct.pack("=I", 0))
            self.say(1, 1, body)
        elif opcode == 0:
            number, length = struct.unpack_from("=II", body)
            name = body[8 : 8 + length - 1].decode()
            assert self._offers[number - 10] == name
            self.bound[struct.unpack("=II", body[-8:])[1]] = name
        elif self.bound.get(object_id) == "ext_idle_notifier_v1":
            self.notification, limit, seat = struct.unpack("=III", body)
            assert limit == LIMIT_SECONDS * 1000
            assert self.bound[seat] == "wl_seat"
            self.ready.set()


def test_a_wayland_compositor_tells_when_nobody_is_there_any_more(tmp_path):
    now = [50.0]
    compositor = Compositor(tmp_path / "wayland-0")
    idle = WaylandIdle(str(tmp_path / "wayland-0"), lambda: now[0])
    assert compositor.ready.wait(5)
    assert idle.seconds() == 0.0
    compositor.say(compositor.notification, 0)
    assert idle.seconds() == LIMIT_SECONDS
    now[0] += 60
    assert idle.seconds() == 60 + LIMIT_SECONDS
    compositor.say(compositor.notification, 1)
    assert idle.seconds() == 0.0
    compositor.close()
    with pytest.raises(OSError, match=r"gone|reset"):
        idle.seconds()
    idle.close()


def test_a_compositor_without_that_protocol_is_left_alone(tmp_path):
    compositor = Compositor(tmp_path / "wayland-0", offers=("wl_compositor", "wl_seat"))
    with pytest.raises(ValueError, match="ext_idle_notifier_v1"):
        WaylandIdle(str(tmp_path / "wayland-0"))
    compositor.close()
    with pytest.raises(OSError, match="No such file"):
        WaylandIdle(str(tmp_path / "nobody"))
