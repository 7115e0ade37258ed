"""Idle time from a Wayland compositor, by the protocol ext-idle-notify-v1 (KDE, Sway, Hyprland and others).

The compositor does not tell how long nobody has touched anything; it tells when that time passes a limit, and when it
ends. The few messages this takes are written here by hand: no library, no C.
"""

import contextlib
import socket
import struct
import time

from volunteer.sensors.sensor import Clock

LIMIT_SECONDS = 5.0
TIMEOUT_SECONDS = 0.5
_DISPLAY, _REGISTRY, _CALLBACK, _SEAT, _NOTIFIER, _NOTIFICATION = range(1, 7)
_HEAD = struct.Struct("=II")


class WaylandIdle:
    """One connection, kept. Raises OSError, and ValueError when the compositor does not speak that protocol."""

    def __init__(self, path: str, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._idle_since: float | None = None
        self._unread = b""
        self._offers: dict[str, int] = {}
        self._answered = False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT_SECONDS)
        try:
            self._socket.connect(path)
            self._subscribe()
        except BaseException:
            self.close()
            raise

    def seconds(self) -> float:
        """Nothing below the limit can be told: 0 then."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._receive()
        return 0.0 if self._idle_since is None else self._clock() - self._idle_since

    def close(self) -> None:
        self._socket.close()

    def _subscribe(self) -> None:
        self._send(_DISPLAY, 1, struct.pack("=I", _REGISTRY))
        self._send(_DISPLAY, 0, struct.pack("=I", _CALLBACK))
        while not self._answered:
            self._receive()
        for name, number in (("wl_seat", _SEAT), ("ext_idle_notifier_v1", _NOTIFIER)):
            if name not in self._offers:
                raise ValueError(f"the compositor offers no {name}")
            said = struct.pack("=I", self._offers[name]) + _string(name) + struct.pack("=II", 1, number)
            self._send(_REGISTRY, 0, said)
        self._send(_NOTIFIER, 1, struct.pack("=III", _NOTIFICATION, int(LIMIT_SECONDS * 1000), _SEAT))

    def _send(self, object_id: int, opcode: int, body: bytes) -> None:
        self._socket.sendall(_HEAD.pack(object_id, (_HEAD.size + len(body)) << 16 | opcode) + body)

    def _receive(self) -> None:
        more = self._socket.recv(65536)
        if not more:
            raise ConnectionResetError("the compositor is gone")
        self._unread += more
        while len(self._unread) >= _HEAD.size:
            object_id, size_and_opcode = _HEAD.unpack_from(self._unread)
            size = size_and_opcode >> 16
            if size < _HEAD.size:
                raise ValueError("the compositor's words make no sense")
            if len(self._unread) < size:
                return
            body, self._unread = self._unread[_HEAD.size : size], self._unread[size:]
            self._take(object_id, size_and_opcode & 0xFFFF, body)

    def _take(self, object_id: int, opcode: int, body: bytes) -> None:
        if object_id == _DISPLAY and opcode == 0:
            raise ValueError("the compositor refuses")
        if object_id == _REGISTRY and opcode == 0:
            number, length = _HEAD.unpack_from(body)
            self._offers.setdefault(body[8 : 8 + length - 1].decode("utf-8", "replace"), number)
        elif object_id == _CALLBACK:
            self._answered = True
        elif object_id == _NOTIFICATION:
            # 0: idle for as long as the limit; 1: somebody is back.
            self._idle_since = self._clock() - LIMIT_SECONDS if opcode == 0 else None


def _string(text: str) -> bytes:
    """As Wayland wants it: its length with the zero at its end, padded to whole words."""
    raw = text.encode() + b"\0"
    return struct.pack("=I", len(raw)) + raw + b"\0" * (-len(raw) % 4)
