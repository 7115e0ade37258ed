"""The trainer with its real child process and real TensorFlow."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.messages import GiveBackReason
from volunteer.trainer import process
from volunteer.trainer.job import Computed, Failed, Job, Nothing
from volunteer.trainer.process import TrainerProcess, TrainerSettings
from volunteer.trainer.reins import Reins, Wish

GIB = 2**30


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """settings(...): of a trainer that may read all that these tests make, and write into one folder."""
    folder, everything = tmp_path_factory.mktemp("work"), tmp_path_factory.getbasetemp()

    def make(memory=2 * GIB, **changes):
        return TrainerSettings(folder, memory, **{"threads": 1, "readable": (everything,), **changes})

    return make


@pytest.fixture(scope="module")
def trainer(settings):
    trainer = TrainerProcess(settings())
    yield trainer
    trainer.close()


@pytest.fixture
def make_job(write_job, tmp_path, settings):
    def make(mini_batches: list[int], **changes) -> Job:
        return write_job(tmp_path, settings().folder, mini_batches, **changes)

    return make


def test_a_gradient_is_the_textbook_one(trainer, make_job, tiny_project):
    done = []
    outcome = trainer.compute(make_job([3, 0, 24]), Reins(), done.append)
    assert isinstance(outcome, Computed)
    assert (outcome.mini_batches, outcome.examples, done[-1]) == (3, 24, 3)
    blob = GradientBlob.decode(outcome.path.read_bytes())
    expected = tiny_project.gradient(1, [3, 0, 24])
    np.testing.assert_allclose(blob.gradient, expected, rtol=1e-4, atol=1e-5)


def test_the_child_is_kept_and_its_second_unit_is_quick(trainer, make_job):
    trainer.compute(make_job([1]), Reins(), lambda _done: None)
    pid, started = trainer.pid, time.monotonic()
    trainer.compute(make_job([2]), Reins(), lambda _done: None)
    assert trainer.pid == pid
    assert time.monotonic() - started < 3.0


def test_the_child_is_as_nice_as_can_be(trainer, make_job):
    trainer.compute(make_job([1]), Reins(), lambda _done: None)
    assert os.getpriority(os.PRIO_PROCESS, trainer.pid) == 19


def test_a_child_in_its_box_computes_the_same_gradient_bit_by_bit_and_as_fast(
    settings, trainer, make_job, monkeypatch, capsys
):
    trainer.compute(make_job([1]), Reins(), lambda _done: None)
    code = "import volunteer.trainer.child as child; child.confine = lambda *_: ['Open.']; child.main()"
    monkeypatch.setattr("volunteer.children.child.command", lambda _module: [sys.executable, "-I", "-c", code])
    outside = TrainerProcess(settings())
    numbers, seconds, gradients = list(range(25)), {}, {}
    try:
        for _ in range(5):
            for one in (trainer, outside):
                outcome = one.compute(make_job(numbers), Reins(), lambda _done: None)
                assert isinstance(outcome, Computed)
                seconds.setdefault(one, []).append(outcome.seconds)
                gradients[one] = GradientBlob.decode(outcome.path.read_bytes())
    finally:
        outside.close()
    assert outside.isolation == ("Open.",)
    assert "Open." not in trainer.isolation
    for name in ("gradient", "moving"):
        assert getattr(gradients[trainer], name).tobytes() == getattr(gradients[outside], name).tobytes()
    ratio = min(seconds[trainer]) / min(seconds[outside])
    with capsys.disabled():
        print(f"\na unit in the box takes {ratio:.2f} times as long as outside of it")
    assert ratio < 3


def test_a_child_that_was_killed_is_replaced_and_the_unit_done(trainer, make_job):
    trainer.compute(make_job([1]), Reins(), lambda _done: None)
    first = trainer.pid
    os.kill(first, signal.SIGKILL)
    outcome = trainer.compute(make_job([1, 2]), Reins(), lambda _done: None)
    assert isinstance(outcome, Computed)
    assert trainer.pid != first


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP there")
@pytest.mark.parametrize("late", [False, True])
def test_a_child_that_hangs_is_killed_and_the_unit_given_back(trainer, make_job, monkeypatch, late):
    trainer.compute(make_job([1]), Reins(), lambda _done: None)
    pid, reins, started = trainer.pid, Reins(), time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    if late:
        monkeypatch.setattr(process, "LATE_SILENCE_SECONDS", 0.5)
        reins.deadline_in(0.2)
    outcome = trainer.compute(make_job([1, 2], silence=60.0 if late else 0.5), reins, lambda _done: None)
    assert outcome == Failed(GiveBackReason.failed, "The trainer did not answer.")
    assert 0.5 <= time.monotonic() - started < 5
    assert trainer.pid is None
    assert isinstance(trainer.compute(make_job([2], silence=60.0), Reins(), lambda _done: None), Computed)


def test_a_slow_child_that_shows_progress_may_pass_the_deadline(settings, make_job):
    trainer = TrainerProcess(settings(cpu_percent=20))
    reins = Reins()
    reins.deadline_in(0.0)
    assert isinstance(trainer.compute(make_job([0, 1, 2]), reins, lambda _done: None), Computed)
    trainer.close()


def test_a_damaged_shard_fails_the_unit_and_not_the_child(trainer, make_job, tmp_path):
    broken = tmp_path / "broken"
    broken.write_bytes(b"not a shard")
    outcome = trainer.compute(make_job([0], shards={0: broken}), Reins(), lambda _done: None)
    assert isinstance(outcome, Failed)
    assert outcome.reason is GiveBackReason.failed
    assert isinstance(trainer.compute(make_job([0]), Reins(), lambda _done: None), Computed)


def test_an_unreadable_plan_is_refused_as_such(trainer, make_job, tmp_path):
    bad = tmp_path / "bad"
    bad.write_bytes(b"{}")
    outcome = trainer.compute(make_job([0], plan=bad, plan_sha256="0" * 64), Reins(), lambda _done: None)
    assert isinstance(outcome, Failed)
    assert outcome.reason is GiveBackReason.cannot_read


def test_a_unit_that_is_to_finish_early_brings_a_prefix(settings, make_job, tiny_project):
    trainer = TrainerProcess(settings(cpu_percent=1))
    reins = Reins()

    def progress(done: int) -> None:
        if done >= 2:
            reins.ask(Wish.finish, within=5.0)

    numbers = list(range(25))
    outcome = trainer.compute(make_job(numbers), reins, progress)
    trainer.close()
    assert isinstance(outcome, Computed)
    assert 2 <= outcome.mini_batches < 25
    blob = GradientBlob.decode(outcome.path.read_bytes())
    expected = tiny_project.gradient(1, numbers[: outcome.mini_batches])
    np.testing.assert_allclose(blob.gradient, expected, rtol=1e-4, atol=1e-5)


def test_a_dropped_unit_is_let_go_at_once_and_the_next_one_done(settings, make_job):
    trainer = TrainerProcess(settings(cpu_percent=1))
    trainer.compute(make_job([0]), Reins(), lambda _done: None)
    reins = Reins()
    threading.Timer(0.3, reins.ask, (Wish.drop,)).start()
    started = time.monotonic()
    assert isinstance(trainer.compute(make_job(list(range(25))), reins, lambda _done: None), Nothing)
    assert time.monotonic() - started < 3.0
    assert isinstance(trainer.compute(make_job([4]), Reins(), lambda _done: None), Computed)
    trainer.close()


def test_a_finish_that_takes_too_long_kills_the_child(settings, make_job):
    trainer = TrainerProcess(settings())
    reins = Reins()
    threading.Timer(0.2, reins.ask, (Wish.finish, 0.1)).start()
    started = time.monotonic()
    # A new child is still importing TensorFlow.
    assert isinstance(trainer.compute(make_job([0]), reins, lambda _done: None), Nothing)
    assert time.monotonic() - started < 3.0
    assert trainer.pid is None
    trainer.close()


def test_too_little_memory_is_called_so(settings, tmp_path, make_job, tiny_project):
    plan = tiny_project.wide(2**21).plan
    path = tmp_path / "wide plan"
    path.write_bytes(plan.encode())
    trainer = TrainerProcess(settings(GIB))
    job = make_job([0], plan=path, plan_sha256=plan.sha256)
    outcome = trainer.compute(job, Reins(), lambda _done: None)
    trainer.close()
    assert isinstance(outcome, Failed)
    assert outcome.reason is GiveBackReason.out_of_memory, outcome.detail
