"""The bell: a local datagram socket by which the web processes wake the scheduler at once.

A lost ring costs nothing but time: every pass also runs by the clock.
"""

import contextlib
import socket
from pathlib import Path

_MAX_NAME = 64


class Bell:
    """Datagrams on loopback; the port stands in a file of the data folder, so that only its readers can ring."""

    def __init__(self, port_file: Path) -> None:
        self._port_file = port_file
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def ring(self, duty: str) -> None:
        """Ask for a duty to be done now. Nobody listening is no error."""
        with contextlib.suppress(OSError, ValueError):
            port = int(self._port_file.read_text())
            self._socket.sendto(duty.encode("ascii"), ("127.0.0.1", port))

    def listen(self) -> None:
        """Take a free port to be woken at."""
        self._socket.bind(("127.0.0.1", 0))

    def announce(self) -> None:
        """Be the one who is woken from now on: write the port down."""
        temporary = self._port_file.with_suffix(".new")
        temporary.write_text(str(self._socket.getsockname()[1]))
        temporary.replace(self._port_file)

    def wait(self) -> str:
        """Block until somebody rings; returns the duty's name. Empty when the bell was closed."""
        try:
            return self._socket.recv(_MAX_NAME).decode("ascii", "replace")
        except OSError:
            return ""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
