"""The parent of web and scheduler, with stand-ins for both: shell scripts that note when they start."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from server import supervisor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its stand-ins are shell scripts")
SECONDS = 30


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


class Supervised:
    """`starts(name)` are the process ids under which a stand-in ran so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.scheduler_lives = True
        self._stop = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        arguments = (self._listening, ["--data", "x"], self._stop, lambda: self.scheduler_lives)
        self._thread = threading.Thread(target=supervisor.supervise, args=arguments)
        self._thread.start()

    def starts(self, name: str) -> list[int]:
        file = self._folder / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        self._listening.close()
        assert not self._thread.is_alive()


@pytest.fixture
def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Supervised]]:
    started: list[Supervised] = []

    def begin(body: str) -> Supervised:
        """`body` is what both stand-ins do; $3 is the name, as in `python -m server.cli NAME ...`."""
        script = tmp_path / "python"
        script.write_text(f'#!/bin/sh\necho $$ >> "{tmp_path}/$3"\necho "$@" > "{tmp_path}/$3.arguments"\n{body}\n')
        script.chmod(0o700)
        monkeypatch.setattr(supervisor.sys, "executable", str(script))
        started.append(Supervised(tmp_path))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


def test_web_and_scheduler_run_with_the_same_arguments_and_end_together(
    supervise: Callable[[str], Supervised], tmp_path: Path
) -> None:
    both = supervise("exec sleep 600")
    wait_for(lambda: all((tmp_path / f"{name}.arguments").exists() for name in ("web", "scheduler")))
    wait_for(lambda: len(both.starts("web")) == len(both.starts("scheduler")) == 1)
    assert (tmp_path / "scheduler.arguments").read_text().split() == ["-m", "server.cli", "scheduler", "--data", "x"]
    assert (tmp_path / "web.arguments").read_text().split()[3] == "--fd"
    pids = both.starts("web") + both.starts("scheduler")
    assert all(psutil.pid_exists(pid) for pid in pids)
    both.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_process_that_is_killed_is_started_again_and_the_other_stays(
    supervise: Callable[[str], Supervised],
) -> None:
    both = supervise("exec sleep 600")
    wait_for(lambda: bool(both.starts("web") and both.starts("scheduler")))
    os.kill(both.starts("scheduler")[0], signal.SIGKILL)
    wait_for(lambda: len(both.starts("scheduler")) == 2)
    assert len(both.starts("web")) == 1


def test_a_process_that_ends_again_and_again_is_started_less_and_less_often(
    supervise: Callable[[str], Supervised],
) -> None:
    both = supervise("exit 3")
    time.sleep(2.5)
    assert 2 <= len(both.starts("web")) <= 5, "after 0, 0.2, 0.4, 0.8 and 1.6 seconds"


def test_a_process_that_will_not_end_is_killed(
    supervise: Callable[[str], Supervised], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_STOP_SECONDS", 0.3)
    both = supervise("trap '' TERM\nwhile true; do sleep 0.1; done")
    wait_for(lambda: bool(both.starts("web") and both.starts("scheduler")))
    time.sleep(0.2)
    both.stop()
    assert not any(psutil.pid_exists(pid) for pid in both.starts("web") + both.starts("scheduler"))


def test_a_process_ends_when_its_supervisor_is_gone_however_it_went() -> None:
    code = (
        "from server.supervisor import end_with_parent, stop_on_signals\n"
        "stop = stop_on_signals(); end_with_parent(); print(1, flush=True); stop.wait()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"1\n"
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(SECONDS) == 0
    child.stdout.close()


def serve(listening: socket.socket, answer: bytes) -> None:
    """What a web process would do, for a while."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(1000)
            connection.sendall(answer)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "WEB_PATIENCE", 1.5)
    monkeypatch.setattr(supervisor, "SCHEDULER_PATIENCE", 1.5)
    monkeypatch.setattr(supervisor, "_ASK_EVERY", 0.1)
    monkeypatch.setattr(supervisor, "_ANSWER_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
def test_a_web_process_that_does_not_answer_is_killed_with_all_of_its_own_and_started_again(
    supervise: Callable[[str], Supervised],
) -> None:
    both = supervise("trap '' TERM\nsleep 600 &\nwait\nsleep 600")
    wait_for(lambda: bool(both.starts("web")))
    own = psutil.Process(both.starts("web")[0])
    wait_for(lambda: bool(own.children()))
    child = own.children()[0]
    wait_for(lambda: len(both.starts("web")) >= 2)
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert len(both.starts("scheduler")) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\nok", b"HTTP/1.1 503 Busy\r\n\r\nlater"])
def test_a_web_process_that_answers_is_left_alone(supervise: Callable[[str], Supervised], answer: bytes) -> None:
    both = supervise("exec sleep 600")
    threading.Thread(target=serve, args=(both._listening, answer), daemon=True).start()
    time.sleep(3)
    assert len(both.starts("web")) == 1
    # So that the thread ends.
    both._listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_without_signs_of_life_is_started_again(supervise: Callable[[str], Supervised]) -> None:
    both = supervise("exec sleep 600")
    time.sleep(2)
    assert len(both.starts("scheduler")) == 1
    both.scheduler_lives = False
    wait_for(lambda: len(both.starts("scheduler")) >= 2)


def test_nobody_is_killed_because_the_machine_is_slow() -> None:
    pulse = supervisor.Pulse(lambda: False, 30.0)
    assert not any(pulse.hangs_after(25.0) for _ in range(50)), "we ourselves came to run every 25 s only"
    pulse.forget()
    found = [pulse.hangs_after(0.1) for _ in range(310)]
    assert not any(found[:295])
    assert found[-1]
