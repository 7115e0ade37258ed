"""Who is sending which upload, in this process: a line that died must not keep its successor out. Knows no Flask."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from server.web.pacing import Pace

SILENT_SECONDS = 2.0
"""A sender that was not heard for so long may be cut off by another that wants to go on."""

LEAVE_SECONDS = 3.0
_LOOK_EVERY = 0.02


class Writers:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: dict[str, tuple[Pace, socket.socket | None]] = {}

    @contextlib.contextmanager
    def seat(self, name: str, pace: Pace, connection: socket.socket | None) -> Iterator[bool]:
        """Yields whether there is no other. Waits a moment for one that is silent, and cuts it off."""
        got = self.make_way(name) and self._sit(name, pace, connection)
        try:
            yield got
        finally:
            if got:
                with self._lock:
                    del self._at[name]

    @contextlib.contextmanager
    def noted(self, name: str, pace: Pace, connection: socket.socket | None) -> Iterator[None]:
        """Be known as who is sending it, unless somebody else is: nobody is waited for, nobody cut off."""
        got = self._sit(name, pace, connection)
        try:
            yield
        finally:
            if got:
                with self._lock:
                    del self._at[name]

    def make_way(self, name: str, at_once: bool = False) -> bool:
        """See to it that nobody silent is sending it, with `at_once` nobody at all; whether nobody is."""
        began = time.monotonic()
        while (there := self._present(name)) is not None:
            pace, connection = there
            waited, silence = time.monotonic() - began, pace.silence()
            is_alive = not at_once and silence < min(waited, SILENT_SECONDS)
            if is_alive or waited > LEAVE_SECONDS:
                return False
            if connection is not None and (at_once or silence >= SILENT_SECONDS):
                with contextlib.suppress(OSError):
                    # Its thread, which waits for bytes, sees the end of them. The plain call also under TLS, whose own
                    # would let that thread answer in clear.
                    socket.socket.shutdown(connection, socket.SHUT_RD)
            time.sleep(_LOOK_EVERY)
        return True

    def _sit(self, name: str, pace: Pace, connection: socket.socket | None) -> bool:
        with self._lock:
            if name in self._at:
                return False
            self._at[name] = (pace, connection)
            return True

    def _present(self, name: str) -> tuple[Pace, socket.socket | None] | None:
        with self._lock:
            return self._at.get(name)
