"""The trainer's real child process, suspended, told other settings, and orphaned."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from volunteer.trainer.job import Computed, Nothing
from volunteer.trainer.process import TrainerProcess, TrainerSettings
from volunteer.trainer.reins import Reins, Wish

GIB = 2**30
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="looks at processes as POSIX has them")


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> TrainerSettings:
    blobs = tmp_path_factory.mktemp("blobs")
    return TrainerSettings(tmp_path_factory.mktemp("work"), 2 * GIB, threads=1, cpu_percent=2, readable=(blobs,))


@pytest.fixture(scope="module")
def trainer(settings):
    trainer = TrainerProcess(settings)
    yield trainer
    trainer.close()


@pytest.fixture
def make_job(write_job, settings) -> Callable:
    return lambda numbers, **changes: write_job(settings.readable[0], settings.folder, numbers, **changes)


def processor_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def becomes(process: psutil.Process, status: str) -> None:
    deadline = time.monotonic() + 5
    while process.status() != status:
        assert time.monotonic() < deadline, process.status()
        time.sleep(0.01)


def test_a_suspended_child_uses_no_processor_and_its_silence_is_forgiven(trainer, make_job):
    trainer.compute(make_job([0]), Reins(), lambda _done: None)
    used = []

    def hold() -> None:
        trainer.suspend()
        try:
            # The signal has been sent; a busy system takes it in a moment.
            becomes(psutil.Process(trainer.pid), psutil.STATUS_STOPPED)
            used.append(processor_seconds(trainer.pid))
            time.sleep(3.5)
            used.append(processor_seconds(trainer.pid))
        finally:
            trainer.resume()

    seen: list[int] = []

    def progress(done: int) -> None:
        if not seen:
            threading.Thread(target=hold).start()
        seen.append(done)

    # Silent for longer than this trainer may be: three seconds, twenty times the given, for it rests so much.
    began = time.monotonic()
    outcome = trainer.compute(make_job(list(range(6)), silence=3.0 / 20), Reins(), progress)
    elapsed = time.monotonic() - began
    assert isinstance(outcome, Computed)
    assert used[0] == used[1]
    # Nor does the host pass for a slow one: the 3.5 s are not counted, however long the rest took.
    assert elapsed - outcome.seconds >= 3.5


def test_a_suspended_unit_that_was_dropped_gives_way_to_the_next_after_the_resume(trainer, make_job):
    reins = Reins()

    def progress(_done: int) -> None:
        trainer.suspend()
        reins.ask(Wish.drop)

    started = time.monotonic()
    assert isinstance(trainer.compute(make_job(list(range(25))), reins, progress), Nothing)
    assert time.monotonic() - started < 2
    trainer.resume()
    assert isinstance(trainer.compute(make_job([3]), Reins(), lambda _done: None), Computed)


def test_a_suspended_child_can_be_ended_and_a_suspended_trainer_starts_none_that_runs(trainer, make_job):
    trainer.compute(make_job([0]), Reins(), lambda _done: None)
    trainer.suspend()
    trainer.kill()
    assert trainer.pid is None
    trainer.warm_up()
    becomes(psutil.Process(trainer.pid), psutil.STATUS_STOPPED)
    trainer.resume()


def test_settings_that_change_in_the_middle_of_a_unit_lose_nothing_of_it(trainer, make_job, settings):
    def progress(_done: int) -> None:
        trainer.configure(replace(settings, cpu_percent=100, threads=2))

    pid = trainer.pid
    outcome = trainer.compute(make_job([0, 1, 2]), Reins(), progress)
    assert isinstance(outcome, Computed)
    assert (outcome.mini_batches, trainer.pid) == (3, pid)
    trainer.configure(settings)


def test_a_new_share_of_the_processor_reaches_the_same_child_and_new_memory_another(trainer, make_job, settings):
    trainer.compute(make_job([0]), Reins(), lambda _done: None)
    first = trainer.pid
    trainer.configure(replace(settings, cpu_percent=100))
    started = time.monotonic()
    assert isinstance(trainer.compute(make_job(list(range(20))), Reins(), lambda _done: None), Computed)
    assert time.monotonic() - started < 2
    assert trainer.pid == first
    trainer.configure(replace(settings, cpu_percent=100, memory=3 * GIB))
    assert trainer.pid == first
    trainer.warm_up()
    assert trainer.pid not in (None, first)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_a_suspended_child_does_not_outlive_a_parent_that_was_killed(tmp_path):
    code = (
        "import sys, time, pathlib\n"
        "from volunteer.trainer.process import TrainerProcess, TrainerSettings\n"
        f"trainer = TrainerProcess(TrainerSettings(pathlib.Path({str(tmp_path)!r}), {GIB}, threads=1))\n"
        "trainer.warm_up(); child = trainer._child; child.receive(30); trainer.suspend()\n"
        "print(trainer.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        becomes(child, psutil.STATUS_STOPPED)
        os.kill(parent.pid, signal.SIGKILL)
    # Gone, or nobody's yet: it holds no memory any more.
    with contextlib.suppress(psutil.NoSuchProcess):
        becomes(child, psutil.STATUS_ZOMBIE)
