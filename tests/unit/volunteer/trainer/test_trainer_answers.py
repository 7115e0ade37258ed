"""What a trainer says that a stranger's data has taken over is not believed."""

import math
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from volunteer.protocol.messages import GiveBackReason
from volunteer.trainer import process
from volunteer.trainer.answers import Nonsense, job_of, read_isolation, read_outcome, read_progress
from volunteer.trainer.job import Computed, Failed, Job, Nothing
from volunteer.trainer.process import TrainerProcess, TrainerSettings
from volunteer.trainer.reins import Reins

DIGEST = "ab" * 32
TRUE: dict[str, Any] = {
    "job": 1, "kind": "computed", "sha256": DIGEST, "mini_batches": 2, "examples": 16, "seconds": 0.5,
}  # fmt: skip


@pytest.fixture
def job(tmp_path: Path) -> Job:
    out = tmp_path / "out.gradient"
    out.write_bytes(b"a gradient")
    return Job("round 1", tmp_path, "", tmp_path, None, {}, 0, [4, 5], out)


def test_what_a_trainer_says_is_read(job: Job) -> None:
    assert read_outcome(job, TRUE) == Computed(job.out, DIGEST, 2, 16, 0.5)
    assert read_outcome(job, {"kind": "nothing"}) == Nothing()
    failed = {"kind": "failed", "reason": "out_of_memory", "detail": "so"}
    assert read_outcome(job, failed) == Failed(GiveBackReason.out_of_memory, "so")
    assert read_progress(job, {"done": 1}) == 1
    assert job_of(TRUE) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "../../../.bashrc"}, {"sha256": DIGEST + "/../../x"}, {"sha256": None}, {"sha256": DIGEST + "\n"},
        {"mini_batches": 3}, {"mini_batches": 0}, {"mini_batches": "2"}, {"mini_batches": True}, {"examples": -1},
        {"seconds": math.nan}, {"seconds": math.inf}, {"seconds": -1}, {"seconds": "1"}, {"kind": "gradient"},
        {"kind": []}, {"kind": "failed"}, {"kind": "failed", "reason": []}, {"kind": "failed", "reason": "because"},
    ],
)  # fmt: skip
def test_nonsense_is_called_so(job: Job, change: dict[str, Any]) -> None:
    with pytest.raises(Nonsense):
        read_outcome(job, {**TRUE, **change})


@pytest.mark.parametrize("done", [3, -1, None, "1", 1.0])
def test_progress_beyond_the_unit_is_none(job: Job, done: object) -> None:
    with pytest.raises(Nonsense):
        read_progress(job, {"done": done})
    with pytest.raises(Nonsense):
        job_of({"job": [done]})


def test_a_file_that_is_none_is_not_taken(job: Job) -> None:
    job.out.unlink()
    with pytest.raises(Nonsense, match="no file"):
        read_outcome(job, TRUE)
    job.out.mkdir()
    with pytest.raises(Nonsense):
        read_outcome(job, TRUE)


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there")
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_to_a_file_of_the_persons_is_not_taken(job: Job, tmp_path: Path, link: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a file of the person's")
    job.out.unlink()
    link(secret, job.out)
    with pytest.raises(Nonsense, match="something else"):
        read_outcome(job, TRUE)


def test_long_words_are_cut(job: Job) -> None:
    failed = read_outcome(job, {"kind": "failed", "reason": "failed", "detail": "x" * 10**6})
    assert isinstance(failed, Failed)
    assert len(failed.detail) == 2000
    assert len(read_isolation({"isolation": ["y" * 10**4] * 100})) == 20
    with pytest.raises(Nonsense):
        read_isolation({"isolation": "open"})


class _Child:
    """Says what it was told to say."""

    answers: ClassVar[list[dict[str, Any]]] = []
    alive = True

    def __init__(self, *_arguments: object) -> None:
        pass

    def send(self, _message: dict[str, Any]) -> None:
        pass

    def receive(self, _timeout: float) -> dict[str, Any]:
        return self.answers.pop(0)

    def kill(self) -> None:
        self.alive = False


def test_a_trainer_says_once_what_its_box_lacks(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "Child", _Child)
    trainer = TrainerProcess(TrainerSettings(tmp_path / "work", 2**30))
    _Child.answers = [{"isolation": ["Open."]}, {"isolation": []}, TRUE]
    outcome = trainer.compute(job, Reins(), lambda _done: None)
    assert isinstance(outcome, Failed)
    assert trainer.isolation == ("Open.",)
    _Child.answers = [{"isolation": []}, {**TRUE, "job": 2}]
    assert trainer.compute(job, Reins(), lambda _done: None) == Computed(job.out, DIGEST, 2, 16, 0.5)
    assert trainer.isolation == ()
