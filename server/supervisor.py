"""Starts web and scheduler, watches both, starts again what ends or hangs, and stops both: one machine's grid's parent.

The listening socket belongs to the supervisor, so connections wait while the web process is started again.
"""

import contextlib
import errno
import http.client
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from server.config import BadSettings

_LOG = logging.getLogger(__name__)
WEB_PATIENCE = 30.0
SCHEDULER_PATIENCE = 60.0
_ASK_EVERY = 2.0
_ANSWER_SECONDS = 10.0
_COUNTED_SECONDS = 0.5
_STOP_SECONDS = 10.0
_LONGEST_PAUSE = 10.0
_STEADY_SECONDS = 30.0
_ADDRESS_SECONDS = 30.0


class Pulse:
    """Asks one process for signs of life, in a thread of its own, and counts how long there was none."""

    def __init__(self, shows_life: Callable[[], bool], patience: float) -> None:
        self.patience = patience
        self._shows_life = shows_life
        self._lock = threading.Lock()
        self._silent = 0.0
        self._over = threading.Event()

    def begin(self) -> None:
        threading.Thread(target=self._ask, daemon=True).start()

    def end(self) -> None:
        self._over.set()

    def forget(self) -> None:
        """It was just started."""
        with self._lock:
            self._silent = 0.0

    def hangs_after(self, seconds: float) -> bool:
        """Whether it hangs, now that so many seconds have passed since this was last asked.

        Of a long time only a little counts: then the machine was too busy to run even us, and nobody is blamed for it.
        """
        with self._lock:
            self._silent += min(seconds, _COUNTED_SECONDS)
            return self._silent > self.patience

    def _ask(self) -> None:
        while not self._over.wait(_ASK_EVERY):
            try:
                alive = self._shows_life()
            except Exception:
                alive = False
            if alive:
                self.forget()


@dataclass
class _Watched:
    name: str
    command: Sequence[str]
    pulse: Pulse
    fds: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    looked: float = 0.0
    pause: float = 0.0
    start_at: float = field(default=0.0)

    def start(self) -> None:
        # The child reads this pipe only to notice that the supervisor is gone.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", *self.command], stdin=subprocess.PIPE, pass_fds=self.fds,
            # A group of its own, so that whatever hangs in it can be killed.
            start_new_session=True,
            # Where the cores are taken, the threads of numpy's products wait for each other: a comparison of two
            # gradients took 500 ms instead of 4.
            env={"OPENBLAS_NUM_THREADS": "1", **os.environ},
        )  # fmt: skip
        self.started = self.looked = time.monotonic()
        self.pulse.forget()
        _LOG.info("%s runs as process %d", self.name, self.process.pid)

    def watch(self) -> None:
        """Start the process again when it has ended or hangs; a pause that doubles keeps a broken one from spinning."""
        now = time.monotonic()
        passed, self.looked = now - self.looked, now
        if self.process is not None and self.process.poll() is None and self.pulse.hangs_after(passed):
            _LOG.warning("%s has shown no life for %.0f s and is killed", self.name, self.pulse.patience)
            self.kill()
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
            self.kill()
        self._forget()

    def kill(self) -> None:
        """The process and its group, now."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

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
            # A name that cannot be resolved has a negative number, which strerror does not know.
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else "this is no name or address of a machine"
            if error.errno != errno.EADDRINUSE or stop.is_set() or time.monotonic() >= until:
                raise BadSettings(f"cannot listen at {host}, port {port}: {why}") from None
        if not told:
            _LOG.warning("port %d is in use; waiting up to %.0f s for it", port, patience)
            told = True
        stop.wait(0.2)


def listens_at(number: int) -> str:
    """The address of an inherited listening socket."""
    with socket.socket(fileno=os.dup(number)) as listening:
        return str(listening.getsockname()[0])


def supervise(
    listening: socket.socket, arguments: Sequence[str], stop: threading.Event,
    scheduler_shows_life: Callable[[], bool], https: bool = False,
) -> None:  # fmt: skip
    """Run web and scheduler until `stop`; `arguments` are handed to both. `https`: that is what web speaks."""
    number = listening.fileno()
    watched = [
        _Watched("scheduler", ["scheduler", *arguments], Pulse(scheduler_shows_life, SCHEDULER_PATIENCE)),
        _Watched(
            "web", ["web", "--fd", str(number), *arguments], Pulse(lambda: answers(listening, https), WEB_PATIENCE),
            (number,),
        ),
    ]
    for one in watched:
        one.pulse.begin()
    try:
        while not stop.wait(0.1):
            for one in watched:
                one.watch()
    finally:
        for one in watched:
            one.pulse.end()
        stoppers = [threading.Thread(target=one.stop) for one in watched]
        for thread in stoppers:
            thread.start()
        for thread in stoppers:
            thread.join()


def answers(listening: socket.socket, https: bool = False) -> bool:
    """Whether whoever serves this socket answers at all: one that says it is busy does not hang."""
    host, port = listening.getsockname()[:2]
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    where = anywhere.get(host, host), port
    if https:
        # It is asked whether it lives, and told nothing: there is nobody to be sure of.
        trusting = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            *where, timeout=_ANSWER_SECONDS, context=trusting
        )
    else:
        connection = http.client.HTTPConnection(*where, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


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
