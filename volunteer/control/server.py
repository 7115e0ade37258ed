"""Listens for the user's own programs, a bounded number at a time; whatever they send, the app goes on."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from volunteer.control.doors import Door
from volunteer.control.lines import LineError, receive_line, send_line, still_there
from volunteer.control.messages import Refused, Reply, Request
from volunteer.errors import VolunteerError
from volunteer.protocol.messages import Malformed, decode, encode

_log = logging.getLogger(__name__)

# After an error such as too many open files, lest the thread takes a whole processor.
_REST_SECONDS = 1.0
# For the answers under way when the app ends: to quit within five seconds is promised.
_LAST_SECONDS = 0.5

# Answers a request; the second argument says whether the one who asked is still there.
Answer = Callable[[Request, Callable[[], bool]], Reply]


@dataclass(frozen=True)
class Bounds:
    """What one program may take: seconds to say its line and to take its answer, bytes; and how many at a time."""

    seconds: float = 5.0
    line: int = 64 * 1024
    programs: int = 32


class ControlServer:
    """One request a connection; each in a thread of its own."""

    def __init__(self, door: Door, answer: Answer, bounds: Bounds = Bounds()) -> None:
        """Listens at once. Raises OSError when it cannot."""
        self._door = door
        self._answer = answer
        self._bounds = bounds
        self._places = threading.BoundedSemaphore(bounds.programs)
        self._closing = threading.Event()
        self._listener = door.listen()
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Nobody is listened to any more; answers under way get a moment to be sent."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._door.close()
        with contextlib.suppress(OSError):
            # Wakes `accept` on Linux, where closing alone does not.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        # The process may end right after this, and the answer to "quit" with it.
        end = time.monotonic() + _LAST_SECONDS
        for _ in range(self._bounds.programs):
            if not self._places.acquire(timeout=max(0.0, end - time.monotonic())):
                break

    def _accept(self) -> None:
        while True:
            # Who finds no place waits in the kernel's queue: each place is free again within bounded time.
            self._places.acquire()
            try:
                connection, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), name="control request", daemon=True).start()
            except (OSError, RuntimeError) as error:
                self._places.release()
                if self._closing.is_set():
                    return
                _log.warning("the control socket takes a rest: %s", error)
                self._closing.wait(_REST_SECONDS)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                if self._door.admit(connection, self._bounds.seconds):
                    reply = self._reply(connection)
                    send_line(connection, encode(reply), self._bounds.seconds)
                else:
                    _log.warning("another user's program knocked at the control socket and was turned away")
        except OSError as error:
            _log.debug("a program went before its answer: %s", error)
        finally:
            self._places.release()

    def _reply(self, connection: socket.socket) -> Reply:
        try:
            line = receive_line(connection, self._bounds.seconds, self._bounds.line)
            request: Request = decode(line, Request)  # type: ignore[arg-type]
        except (LineError, Malformed) as error:
            return Refused(f"That was no message for this app: {error}", "malformed")
        try:
            return self._answer(request, lambda: still_there(connection))
        except VolunteerError as error:
            return Refused(error.sentence, error.code)
        except Exception:
            _log.exception("the control socket's %s failed", type(request).__name__)
            return Refused("That failed within the app; its log says more.", "internal")
