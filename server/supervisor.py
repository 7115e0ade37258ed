"""Starts web and scheduler, watches both, starts again what ends, and stops both: the parent of one machine's grid.

The listening socket belongs to the supervisor, so connections wait while the web process is started again.
"""

import contextlib
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.config import BadSettings

_LOG = logging.getLogger(__name__)
_STOP_SECONDS = 10.0
_LONGEST_PAUSE = 10.0
_STEADY_SECONDS = 30.0
_ADDRESS_SECONDS = 30.0


@dataclass
class _Watched:
    name: str
    command: Sequence[str]
    fds: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0
    start_at: float = field(default=0.0)

    def start(self) -> None:
        # The child reads this pipe only to notice that the supervisor is gone.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", *self.command], stdin=subprocess.PIPE, pass_fds=self.fds
        )
        self.started = time.monotonic()
        _LOG.info("%s runs as process %d", self.name, self.process.pid)

    def watch(self) -> None:
        """Start the process again when it has ended; a pause that doubles keeps a broken one from spinning."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            steady = now - self.started > _STEADY_SECONDS
            self.pause = 0.2 if steady or not self.pause else min(2 * self.pause, _LONGEST_PAUSE)
            _LOG.warning("%s ended with %d; it is started again", self.name, self.process.returncode)
            self._forget()
            self.start_at = now + self.pause
        if self.process is None and now >= self.start_at:
            self.start()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _LOG.warning("%s did not stop in time and is killed", self.name)
            self.process.kill()
            self.process.wait()
        self._forget()

    def _forget(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self.process = None


def listen(host: str, port: int, stop: threading.Event, patience: float = _ADDRESS_SECONDS) -> socket.socket:
    """The grid's listening socket. Raises BadSettings when that address cannot be had within `patience` seconds.

    A supervisor that was killed leaves a web process which still answers what it had begun; that is waited for.
    """
    until, told = time.monotonic() + patience, False
    while True:
        try:
            return socket.create_server((host, port), backlog=1024)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or stop.is_set() or time.monotonic() >= until:
                raise BadSettings(f"cannot listen at {host}, port {port}: {os.strerror(error.errno or 0)}") from None
        if not told:
            _LOG.warning("port %d is in use; waiting for it", port)
            told = True
        stop.wait(0.2)


def supervise(listening: socket.socket, arguments: Sequence[str], stop: threading.Event) -> None:
    """Run web and scheduler until `stop`; `arguments` are handed to both."""
    watched = [
        _Watched("scheduler", ["scheduler", *arguments]),
        _Watched("web", ["web", "--fd", str(listening.fileno()), *arguments], (listening.fileno(),)),
    ]
    try:
        while not stop.wait(0.1):
            for one in watched:
                one.watch()
    finally:
        stoppers = [threading.Thread(target=one.stop) for one in watched]
        for thread in stoppers:
            thread.start()
        for thread in stoppers:
            thread.join()


def end_with_parent() -> None:
    """End this process when the supervisor does, however it does: standard input closes then."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
