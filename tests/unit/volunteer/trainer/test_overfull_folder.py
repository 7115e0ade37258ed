"""A child that fills its folder, with a stand-in for TensorFlow."""

import os
import sys
import time

import pytest

from volunteer.protocol.messages import GiveBackReason
from volunteer.trainer import process
from volunteer.trainer.job import Failed, Job
from volunteer.trainer.process import OVERFULL, TrainerProcess, TrainerSettings
from volunteer.trainer.reins import Reins

# What is to be done in the folder comes with the job, in the place of its plan's digest.
CHILD = """
import json, struct, sys, time
def read():
    head = sys.stdin.buffer.read(4)
    return head and sys.stdin.buffer.read(struct.unpack(">I", head)[0])
while message := read():
    if b"MANY" in message:
        for number in range(50):
            open(f"file {number}", "w").close()
    if b"LARGE" in message:
        open("large", "wb").write(b"x" * 100_000)
"""


@pytest.fixture
def trainer(tmp_path, monkeypatch) -> TrainerProcess:
    monkeypatch.setattr("volunteer.children.child.command", lambda _module: [sys.executable, "-I", "-c", CHILD])
    monkeypatch.setattr(process, "FOLDER_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(process, "MOST_IN_FOLDER", 20)
    monkeypatch.setattr(process, "MOST_OF_A_FOLDER", 50_000)
    trainer = TrainerProcess(TrainerSettings(tmp_path / "work", 2**30))
    yield trainer
    trainer.close()


def job(folder, digest: str, silence: float) -> Job:
    return Job("round 1", folder, digest, folder, None, {}, 0, [0], folder / "out", silence)


@pytest.mark.parametrize("much", ["MANY", "LARGE"])
def test_a_child_that_fills_the_disk_is_killed_its_unit_goes_back_and_its_folder_is_emptied(trainer, tmp_path, much):
    started = time.monotonic()
    outcome = trainer.compute(job(tmp_path, much, 30.0), Reins(), lambda _done: None)
    assert outcome == Failed(GiveBackReason.failed, OVERFULL)
    assert time.monotonic() - started < 10
    assert trainer.pid is None
    assert os.listdir(tmp_path / "work") == []


def test_what_one_child_left_ends_no_unit_of_the_next(trainer, tmp_path):
    (tmp_path / "work").mkdir()
    for number in range(50):
        (tmp_path / "work" / f"left {number}").touch()
    outcome = trainer.compute(job(tmp_path, "modest", 0.1), Reins(), lambda _done: None)
    assert outcome == Failed(GiveBackReason.failed, "The trainer did not answer.")


def test_a_child_that_filled_its_folder_without_work_is_replaced_before_the_next_unit(trainer, tmp_path):
    trainer.warm_up()
    first = trainer.pid
    for number in range(50):
        (tmp_path / "work" / f"file {number}").touch()
    trainer.warm_up()
    assert trainer.pid not in (None, first)
    assert os.listdir(tmp_path / "work") == []
