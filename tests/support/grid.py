"""A real grid in real processes: `daig-server run` on a free port, stopped by whoever started it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import psutil
import requests

START_SECONDS = 90


class RunningGrid:
    """`folder` holds the data and the log. Use as a context manager. `options` are those of `daig-server run`.

    With `quorum` 1 it believes its hosts, as most tests want it; a grid of strangers has 2 or more. `settings`:
    others, by their names in capitals.
    """

    def __init__(
        self, folder: Path, port: int = 0, *options: str, quorum: int = 1, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data = folder / "grid"
        self.log = folder / "grid.log"
        self._port = port
        self._options = options
        self._environment = _environment({"QUORUM": str(quorum), **(settings or {})})
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        (self.data / "address").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server.cli", "run", "--data", str(self.data), "--port", str(self._port),
                 *self._options],
                stdout=log, stderr=log, env=self._environment,
            )  # fmt: skip
        wait_for(self._listens, START_SECONDS, self.tail)
        self.address = (self.data / "address").read_text().replace("//0.0.0.0:", "//127.0.0.1:")
        self._port = int(self.address.rsplit(":", 1)[1])
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        wait_for(self._answers, START_SECONDS, self.tail)

    @property
    def verify(self) -> str | bool:
        """What `requests` is to believe the grid by: the certificate that it made itself, where it did."""
        certificate = self.data / "tls" / "certificate.pem"
        return str(certificate) if certificate.exists() else True

    def stop(self) -> int:
        """SIGTERM, as a person's Ctrl-C; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(40)

    def kill(self) -> None:
        """SIGKILL to everything at once: the power cut."""
        everything = [psutil.Process(self.process.pid), *self.processes()]
        for one in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(20)
        psutil.wait_procs(everything, timeout=10)

    def processes(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def process_of(self, words: str) -> psutil.Process:
        """The oldest process of the grid whose command line holds these words."""
        for one in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if words in " ".join(one.cmdline()):
                    return one
        raise AssertionError(f"no process of the grid is “{words}”\n{self.tail()}")

    def kill_one(self, words: str) -> None:
        os.kill(self.process_of(words).pid, signal.SIGKILL)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`daig-server ARGUMENTS` on this grid's data."""
        return subprocess.run(
            [sys.executable, "-m", "server.cli", *arguments, "--data", str(self.data)],
            capture_output=True, text=True, timeout=300, check=False, env=self._environment,
        )  # fmt: skip

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def _listens(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}\n{self.tail()}")
        return (self.data / "address").exists()

    def _answers(self) -> bool:
        self._listens()
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.address}/healthz", timeout=5, verify=self.verify).ok
        return False

    def __enter__(self) -> "RunningGrid":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()
        self.kill_rest()

    def kill_rest(self) -> None:
        for one in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """One thread: the same sums on every machine, and none taken from the volunteers of the test."""
    chosen = {"LEARNER_THREADS": "1", **settings}
    return {**os.environ, **{f"DAIG_{name}": value for name, value in chosen.items()}}


def wait_for(condition, seconds: float, explain=lambda: "", every: float = 0.1):  # type: ignore[no-untyped-def]
    """The first true value of `condition()`; AssertionError, with `explain()`, when it takes too long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain\n{explain()}")
