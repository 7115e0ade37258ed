"""The learner as a process: answers, refusals, deaths and time limits."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.learning.learner import ChildLearner
from server.learning.stepping import step
from server.learning.workbench import Workbench
from server.learning.worker import Worker
from server.rules.learning_values import EvaluateRequest, GradientRequest, LearnerFailed, StepReport
from volunteer.children.limits import Limits
from volunteer.plan.refused import Refused
from volunteer.protocol.tensors import save


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildLearner]:
    learner = ChildLearner(tmp_path_factory.mktemp("learner"), Limits(data=4 * 2**30), threads=2)
    yield learner
    learner.close()


def test_a_step_in_the_child_gives_the_bytes_of_a_step_here(learner: ChildLearner, project: Any) -> None:
    there, here = learner.step(project.request("there")), step(Workbench(), project.request("here"))
    assert there.weights is not None
    assert here.weights is not None
    assert Path(there.weights).read_bytes() == Path(here.weights).read_bytes()
    assert there.loss == here.loss


def test_a_step_in_a_running_child_costs_milliseconds(learner: ChildLearner, project: Any) -> None:
    learner.step(project.request("warm"))
    started = time.perf_counter()
    learner.step(project.request("next"))
    # Generous: two cores, and other tests at work.
    assert time.perf_counter() - started < 1.0


def test_what_the_project_is_to_blame_for_is_a_refusal(learner: ChildLearner, project: Any) -> None:
    (project.folder / "plan").write_bytes(b"{}")
    with pytest.raises(Refused, match="cannot be read"):
        learner.step(project.request())


def test_files_that_are_missing_are_a_failure_and_not_a_refusal(
    learner: ChildLearner, project: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(LearnerFailed, match="FileNotFoundError"):
        learner.step(project.request(weights="/nowhere"))
    assert "Traceback" in caplog.text
    assert learner.step(project.request()).finite


def test_an_evaluation_under_way_holds_up_no_step(learner: ChildLearner, project: Any) -> None:
    learner._evaluations.start()
    pid = learner._evaluations.pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == 10
    os.kill(pid, signal.SIGSTOP)
    folder, results = project.folder, []
    request = EvaluateRequest(
        plan=str(folder / "plan"), frozen=str(folder / "frozen"), weights=str(folder / "weights"),
        shard=str(folder / "shard"),
    )  # fmt: skip
    batch = project.mini_batches[0]
    tensors = {f"x/{name}": values for name, values in batch.x.items()} | {"y": batch.y}
    (folder / "shard").write_bytes(save(tensors))
    thread = threading.Thread(target=lambda: results.append(learner.evaluate(request)))
    thread.start()
    assert learner.step(project.request()).finite
    assert results == []
    os.kill(pid, signal.SIGCONT)
    thread.join(60)
    assert results[0].examples == batch.examples


def test_what_is_recomputed_holds_nothing_up_and_ends_when_the_grid_does(project: Any, tmp_path: Path) -> None:
    learner = ChildLearner(tmp_path / "learner", Limits(data=4 * 2**30), threads=1)
    learner._audits.start()
    pid = learner._audits.pid
    assert pid is not None
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    os.kill(pid, signal.SIGSTOP)
    failures: list[LearnerFailed] = []

    def recompute() -> None:
        try:
            learner.recompute(
                GradientRequest(
                    plan=str(project.folder / "plan"), frozen=str(project.folder / "frozen"),
                    weights=str(project.folder / "weights"), epoch=0, mini_batches=[0], shards={},
                    out=str(tmp_path / "gradient"),
                )
            )  # fmt: skip
        except LearnerFailed as failure:
            failures.append(failure)

    thread = threading.Thread(target=recompute)
    thread.start()
    time.sleep(0.2)
    learner.recompute_no_more()
    thread.join(10)
    assert len(failures) == 1
    learner.close()


def test_a_killed_learner_fails_one_call_and_the_next_finds_a_new_one(learner: ChildLearner, project: Any) -> None:
    learner.step(project.request())
    pid = learner._work.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    failures: list[Exception] = []

    def call() -> None:
        try:
            learner.step(project.request("doomed"))
        except LearnerFailed as failure:
            failures.append(failure)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    thread.join(20)
    assert len(failures) == 1
    assert "died" in str(failures[0])
    report = learner.step(project.request("after"))
    assert report.finite
    assert learner._work.pid != pid


def test_a_learner_killed_between_calls_is_not_noticed(learner: ChildLearner, project: Any) -> None:
    learner.step(project.request())
    pid = learner._work.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    assert learner.step(project.request("after")).finite


def test_calls_from_several_threads_queue(learner: ChildLearner, project: Any) -> None:
    reports: list[StepReport] = []
    request = [project.request(f"thread-{number}") for number in range(4)]
    threads = [threading.Thread(target=lambda r=r: reports.append(learner.step(r))) for r in request]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(reports) == 4
    assert len({Path(report.weights or "").read_bytes() for report in reports}) == 1


def test_a_call_that_takes_too_long_fails_and_its_process_ends(project: Any, tmp_path: Path) -> None:
    learner = ChildLearner(tmp_path / "slow", threads=2, seconds=0.01)
    try:
        with pytest.raises(LearnerFailed, match="longer than"):
            learner.step(project.request())
        assert learner._work.pid is None
    finally:
        learner.close()


def test_a_closed_learner_answers_no_more(project: Any, tmp_path: Path) -> None:
    learner = ChildLearner(tmp_path / "closed")
    learner.close()
    with pytest.raises(LearnerFailed, match="closed"):
        learner.step(project.request())


def test_an_idle_worker_ends_and_starts_again(project: Any, tmp_path: Path) -> None:
    worker = Worker(tmp_path / "idle", Limits(), idle_seconds=0.2)
    try:
        worker.start()
        deadline = time.monotonic() + 10
        while worker.pid is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert worker.pid is None
        worker.start()
        assert worker.pid is not None
    finally:
        worker.close()
