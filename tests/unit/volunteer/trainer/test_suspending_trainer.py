"""Suspending without a child process: who waits for whom."""

import threading
import time

import pytest

from volunteer.children.child import ChildGone
from volunteer.trainer import process
from volunteer.trainer.process import TrainerProcess, TrainerSettings


class SlowChild:
    """Takes a message only while it is not suspended, as a full pipe does."""

    alive = True
    pid = 1

    def __init__(self, *_arguments) -> None:
        self.runs = threading.Event()
        self.runs.set()
        self.taken: list[dict] = []
        self.gone = False

    def send(self, message: dict) -> None:
        if self.gone:
            raise ChildGone(1, "")
        if "compute" in message or "settings" in message:
            assert self.runs.wait(10)
        self.taken.append(message)

    def suspend(self) -> None:
        self.runs.clear()

    def resume(self) -> None:
        self.runs.set()

    def kill(self) -> None:
        self.gone = True


@pytest.fixture
def trainer(tmp_path, monkeypatch) -> TrainerProcess:
    monkeypatch.setattr(process, "Child", SlowChild)
    trainer = TrainerProcess(TrainerSettings(tmp_path, 2**30))
    trainer.warm_up()
    return trainer


def test_a_resume_tells_the_child_how_long_it_slept(trainer):
    trainer.suspend()
    assert trainer.suspended
    trainer.resume()
    assert not trainer.suspended
    assert trainer._child.runs.is_set()
    assert 0 <= trainer._child.taken[-1]["slept"] < 1


def test_a_resume_that_takes_back_nothing_says_nothing(trainer):
    trainer.resume()
    assert "slept" not in trainer._child.taken[-1]


def test_a_message_that_was_cut_short_by_the_pause_does_not_keep_the_child_stopped(trainer):
    child = trainer._child
    trainer.suspend()
    writer = threading.Thread(target=trainer._send, args=(child, {"compute": "a list that fills the pipe"}))
    writer.start()
    trainer.resume()
    writer.join(5)
    # Before the child is told how long it slept, or after.
    assert {"compute": "a list that fills the pipe"} in child.taken


def test_a_full_pipe_keeps_neither_the_child_stopped_nor_the_next_pause_waiting(trainer, monkeypatch):
    child, said = trainer._child, threading.Event()

    def send(message: dict) -> None:
        assert child.runs.wait(10)
        child.taken.append(message)
        said.set()

    monkeypatch.setattr(child, "send", send)
    started = time.monotonic()
    trainer.suspend()
    trainer.resume()
    assert child.runs.is_set()
    assert said.wait(5)
    assert "slept" in child.taken[-1]
    # This one reads nothing, ever.
    never = threading.Event()
    monkeypatch.setattr(child, "send", lambda _message: never.wait(10))
    for _ in range(2):
        trainer.suspend()
        assert not child.runs.is_set()
        trainer.resume()
        assert child.runs.is_set()
    assert time.monotonic() - started < 2
    never.set()


def test_a_child_that_died_in_its_sleep_harms_nobody(trainer):
    trainer.suspend()
    trainer._child.gone = True
    trainer.resume()
    assert not trainer.suspended


def test_a_trainer_that_was_closed_starts_no_child(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "Child", SlowChild)
    trainer = TrainerProcess(TrainerSettings(tmp_path, 2**30))
    trainer.close()
    trainer.warm_up()
    assert trainer.pid is None
