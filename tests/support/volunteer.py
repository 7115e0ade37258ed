"""A real headless volunteer in a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from tests.support.grid import wait_for
from volunteer.config import Folders
from volunteer.control.client import ControlClient
from volunteer.control.messages import Activity, Status, StatusRequest

FROM_SOURCE = (sys.executable, "-m", "volunteer.cli")


class RunningVolunteer:
    """`daig-volunteer run --headless` with a home of its own; the join key goes by the environment.

    `program`: what to start instead of the source tree, and `environment`: in which variables alone.
    """

    def __init__(
        self,
        address: str,
        join_key: str,
        folder: Path,
        name: str,
        *options: str,
        program: Sequence[str] = FROM_SOURCE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.home = folder / name
        self.log = folder / f"{name}.log"
        self._command = [
            *program, "run", "--headless", "--server", address, "--home", str(self.home),
            "--name", name, "--threads", "1", *options,
        ]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = {**(os.environ if environment is None else environment), "DAIG_JOIN_KEY": join_key}
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment,
            )  # fmt: skip

    def child(self) -> psutil.Process | None:
        """The trainer, when it runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in psutil.Process(self.process.pid).children(recursive=True):
                if "volunteer.trainer.child" in " ".join(one.cmdline()):
                    return one
        return None

    def app(self) -> ControlClient:
        """What the command line speaks to."""
        return ControlClient(Folders.below(self.home))

    def becomes(self, *activities: Activity, seconds: float = 90) -> Status:
        """The first status with one of these activities."""

        def found() -> Status | None:
            with contextlib.suppress(Exception):
                status = self.app().ask(StatusRequest())
                return status if status.activity in activities else None
            return None

        return wait_for(found, seconds, self.tail, every=0.05)  # type: ignore[no-any-return]

    def kill(self) -> None:
        """SIGKILL, as when the power goes."""
        self.process.kill()
        self.process.wait(10)

    def stop(self, seconds: float = 15) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def __enter__(self) -> "RunningVolunteer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.kill()
