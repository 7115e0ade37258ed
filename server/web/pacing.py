"""How long a sender may keep a thread waiting: heads and bodies, by silence, by rate and by number. Knows no Flask.

Threads are few and senders are many: who has made one wait for a moment needs one of a few places to go on, and gives
it back at the latest when the allowance is used up.
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

QUICK_SECONDS = 0.25
"""So long anybody may keep a thread waiting for one request, all its pauses together."""

SLOW_PLACES = 8
_slow = threading.BoundedSemaphore(SLOW_PLACES)
_here = threading.local()


class Crowded(TimeoutError):
    """Too many others send slowly as well."""


@dataclass(frozen=True)
class Allowance:
    """`silence`: seconds without a byte. In all a sender may be waited for `grace` seconds and one more for each
    `rate` bytes that came. `bounded`: somebody else bounds their number, so no place is needed."""

    silence: float
    grace: float
    rate: float = math.inf
    bounded: bool = False


HEAD = Allowance(silence=5, grace=10)
MESSAGE = Allowance(silence=10, grace=10, rate=2**16)
UPLOAD = Allowance(silence=30, grace=30, rate=2**13, bounded=True)
REST = Allowance(silence=0.5, grace=1)
"""What still comes of a body that nobody wants."""


class Pace:
    """One connection's; used by the one thread that has it. Its socket is read by nothing else."""

    def __init__(self) -> None:
        self._place = False
        self._heard_at = time.monotonic()
        self.begin(HEAD)

    def begin(self, allowance: Allowance) -> None:
        """From now on this much is allowed; what was waited before does not count."""
        self.rest()
        self._allowance = allowance
        self._waited = 0.0
        self._received = 0

    @property
    def at_head(self) -> bool:
        return self._allowance is HEAD

    def silence(self) -> float:
        """Seconds since anything came."""
        return time.monotonic() - self._heard_at

    def rest(self) -> None:
        """Nothing is waited for now: the place is free for another."""
        if self._place:
            self._place = False
            _slow.release()

    def receive(self, connection: socket.socket, size: int) -> bytes:
        """What one recv gives. Raises TimeoutError when the allowance is used up, Crowded when there is no place."""
        data = self._wait_for(connection, lambda: connection.recv(size))
        self._received += len(data)
        self._heard_at = time.monotonic()
        return data

    def shake_hands(self, connection: ssl.SSLSocket) -> None:
        """Begin TLS. Raises as `receive`, and SSLError."""
        self._wait_for(connection, connection.do_handshake)

    def _wait_for(self, connection: socket.socket, action: Callable[[], T]) -> T:
        before = connection.gettimeout()
        silent_until = time.monotonic() + self._allowance.silence
        try:
            while True:
                connection.settimeout(self._patience(silent_until))
                began = time.monotonic()
                try:
                    return action()
                except TimeoutError:
                    continue
                finally:
                    self._waited += time.monotonic() - began
        finally:
            connection.settimeout(before)

    def _patience(self, silent_until: float) -> float:
        allowance = self._allowance
        left = allowance.grace + self._received / allowance.rate - self._waited
        left = min(left, silent_until - time.monotonic())
        if left <= 0:
            raise TimeoutError("the sender is too slow")
        if allowance.bounded or self._place:
            return left
        if self._waited < QUICK_SECONDS:
            return max(0.001, min(left, QUICK_SECONDS - self._waited))
        if not _slow.acquire(blocking=False):
            raise Crowded
        self._place = True
        return left


def enter(pace: Pace | None) -> None:
    """Say whose request this thread answers from now on."""
    _here.pace = pace


def current() -> Pace:
    """The pace of the request that this thread answers; of nobody where another server than ours runs the app."""
    return getattr(_here, "pace", None) or Pace()
