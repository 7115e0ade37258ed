"""A bench that remembers what it holds gives, bit for bit, what one gives that reads everything again."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from server.learning import workbench as workbench_module
from server.learning.evaluating import evaluate
from server.learning.stepping import step
from server.learning.workbench import Workbench
from server.rules.learning_values import EvaluateRequest, GradientFile, StepReport
from volunteer.protocol.tensors import load, save
from volunteer.training.runtime import keras

OPTIMIZERS: list[Any] = [
    keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5), momentum=0.9, nesterov=True),
    keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=0.1, use_ema=True, ema_momentum=0.5),
    keras.optimizers.Nadam(0.01),
    keras.optimizers.RMSprop(0.01, centered=True, momentum=0.5),
    keras.optimizers.Adafactor(0.01),
    keras.optimizers.Ftrl(0.01),
    keras.optimizers.Lamb(0.01),
]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that benches read from here on."""
    names: list[str] = []

    def reading(path: Path) -> Any:
        names.append(path.name)
        return load(path)

    monkeypatch.setattr(workbench_module, "load", reading)
    return names


def as_blob(file: str | Path) -> str:
    """The file under the name that the blob store gives it; returns its path."""
    path = Path(file)
    place = path.parents[1] / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
    place.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, place)
    return str(place)


def blobs(project: Any) -> dict[str, str]:
    folder = project.folder / "first"
    folder.mkdir(exist_ok=True)
    found = {}
    for name in ("plan", "weights", "frozen"):
        shutil.copyfile(project.folder / name, folder / name)
        found[name] = as_blob(folder / name)
    return found


def next_of(start: dict[str, str], report: StepReport) -> dict[str, str]:
    assert report.weights is not None
    assert report.optimizer is not None
    return {**start, "weights": as_blob(report.weights), "optimizer": as_blob(report.optimizer)}


def digests(report: StepReport) -> tuple[str, str]:
    assert report.weights is not None
    assert report.optimizer is not None
    here = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in (report.weights, report.optimizer)]
    assert here == [report.weights_sha256, report.optimizer_sha256], "it says what it wrote"
    return here[0], here[1]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: type(optimizer).__name__)
def test_a_warm_training_gives_the_bytes_of_a_cold_one(optimizer: Any, make_project: Any, read: list[str]) -> None:
    project = make_project(optimizer)
    start, warm = blobs(project), Workbench()
    state: dict[str, str] = dict(start)
    for number in range(4):
        read.clear()
        report = step(warm, project.request(f"warm-{number}", **state))
        assert read == ([] if number else [Path(start[name]).name for name in ("frozen", "weights")])
        cold = step(Workbench(), project.request(f"cold-{number}", **state))
        assert digests(report) == digests(cold)
        assert report.loss == cold.loss
        state = next_of(start, report)


def test_going_back_to_older_weights_reads_them(project: Any, read: list[str]) -> None:
    """As after a kill between the step and its transaction: the same round is stepped once more."""
    start, bench = blobs(project), Workbench()
    first = step(bench, project.request("first-step", **start))
    second_state = next_of(start, first)
    second = step(bench, project.request("second-step", **second_state))
    assert digests(step(bench, project.request("first-again", **start))) == digests(first)
    assert digests(step(bench, project.request("second-again", **second_state))) == digests(second)


def test_an_evaluation_between_two_steps_changes_neither(project: Any, read: list[str]) -> None:
    start, bench = blobs(project), Workbench()
    shard = project.folder / "validation"
    batch = project.mini_batches[0]
    shard.write_bytes(save({f"x/{name}": values for name, values in batch.x.items()} | {"y": batch.y}))

    def measure(state: dict[str, str], workbench: Workbench) -> list[float]:
        three = {name: state[name] for name in ("plan", "frozen", "weights")}
        return evaluate(workbench, EvaluateRequest(shard=str(shard), **three)).sums

    first = next_of(start, step(bench, project.request("a", **start)))
    assert measure(first, bench) == measure(first, Workbench()), "the moving statistics of a step are in the model too"
    assert measure(start, bench) == measure(start, Workbench())
    warm, cold = (step(w, project.request(name, **first)) for w, name in ((bench, "warm"), (Workbench(), "cold")))
    assert digests(warm) == digests(cold)


def test_a_step_that_fails_or_diverges_leaves_nothing_that_is_taken_for_held(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, bench = blobs(project), Workbench()
    good = step(bench, project.request("good", **start))
    state = next_of(start, good)
    expected = digests(step(Workbench(), project.request("expected", **state)))
    tensors, _ = load(Path(project.gradients[0].path))
    huge = project.folder / "huge"
    huge.write_bytes(save({**tensors, "gradient": tensors["gradient"] * 0 + 3e38}))
    # The gradient is finite and so is the mean, but the second moments are not.
    diverged = step(bench, project.request("diverged", **state, gradients=[GradientFile(str(huge), 1)]))
    assert (diverged.finite, diverged.weights, diverged.weights_sha256) == (False, None, None)
    assert digests(step(bench, project.request("after-divergence", **state))) == expected
    with monkeypatch.context() as patch:
        patch.setattr(type(bench.of(Path(start["plan"])).stepper), "encode", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            step(bench, project.request("failed", **state))
    assert digests(step(bench, project.request("after-failure", **state))) == expected


def test_files_that_are_not_named_by_what_they_hold_are_always_read(project: Any, read: list[str]) -> None:
    bench = Workbench()
    first = step(bench, project.request("a"))
    assert digests(step(bench, project.request("b"))) == digests(first)
    assert read == ["frozen", "weights"] * 2
