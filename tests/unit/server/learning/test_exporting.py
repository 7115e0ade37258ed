"""Files that stock Keras loads: the same outputs, names and optimizer as the trained model, history for TensorBoard."""

import datetime as dt
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from server.learning.events import write_events
from server.learning.exporting import export
from server.learning.stepping import step
from server.learning.workbench import Workbench
from server.rules.code_sample import sample
from server.rules.learning_rates import rate_at
from server.rules.results import EventsRequest, ExportRequest, HistoryRow, ModelKind
from volunteer.plan.objectives import canonical_optimizer
from volunteer.plan.project_plan import Weights
from volunteer.plan.refused import Refused
from volunteer.protocol.tensors import load
from volunteer.training.build import build_model
from volunteer.training.runtime import keras, tf
from volunteer.training.variables import assign_frozen, assign_weights, bind

# Keras's own saving trips over numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SUFFIXES = {"keras": ".keras", "h5": ".h5", "weights": ".weights.h5", "savedmodel": ".zip"}


@pytest.fixture
def exported(project: Any, workbench: Workbench) -> Any:
    """One step of training, then the file of a kind."""
    report = step(workbench, project.request())

    def make(kind: str, optimizer: bool = True) -> Path:
        out = project.folder / f"trained{SUFFIXES[kind]}"
        export(
            ExportRequest(
                plan=str(project.folder / "plan"), frozen=str(project.folder / "frozen"), weights=report.weights,
                optimizer=report.optimizer if optimizer else None, kind=ModelKind(kind), out=str(out),
            )
        )  # fmt: skip
        return out

    return make


def trained(project: Any) -> Any:
    """The model after the step, by the code that computes gradients."""
    bound = bind(build_model(project.plan.architecture), project.plan.variables)
    tensors, _ = load(project.folder / "next" / "weights.safetensors")
    assign_frozen(bound, project.frozen)
    assign_weights(bound, Weights(tensors["trainable"], tensors["moving"]))
    return bound.model


def rows_of(project: Any) -> Any:
    return np.concatenate([next(iter(each.x.values())) for each in project.mini_batches])


def test_the_keras_file_brings_the_optimizers_state_and_starts_afresh_where_it_is_not_kept(
    project: Any, exported: Any
) -> None:
    loaded = keras.models.load_model(exported("keras"))
    saved, _ = load(project.folder / "next" / "optimizer.safetensors")
    assert int(loaded.optimizer.iterations.numpy()) == 1
    for value, variable in zip((saved[name] for name in sorted(saved)), loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    fresh = keras.models.load_model(exported("keras", optimizer=False))
    assert int(fresh.optimizer.iterations.numpy()) == 0
    assert float(fresh.optimizer.learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_a_converted_model_is_the_trained_one_and_can_be_trained_on(kind: str, project: Any, exported: Any) -> None:
    loaded = keras.models.load_model(exported(kind))
    wanted, x = trained(project), rows_of(project)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), wanted.predict(x, verbose=0), atol=1e-6)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in wanted.layers]
    assert [one.path.split("/")[-2:] for one in loaded.weights] == [one.path.split("/")[-2:] for one in wanted.weights]
    y = np.concatenate([each.y for each in project.mini_batches])
    fitted = loaded.fit(x, y, epochs=1, verbose=0)
    assert {"loss", "accuracy"} <= set(fitted.history)


def test_what_a_format_cannot_hold_is_refused_in_a_sentence(make_project: Any) -> None:
    """Keras writes an .h5 file of such a model, and then does not know its own layer."""
    inputs = keras.Input((6,))
    hidden = keras.layers.Dense(3, name="d")(inputs)
    project = make_project(model=keras.Model(inputs, keras.ops.softmax(keras.ops.relu(hidden))))
    request = {name: str(project.folder / name) for name in ("plan", "frozen", "weights")}
    for kind in (ModelKind.keras, ModelKind.h5):
        file = ExportRequest(**request, optimizer=None, kind=kind, out=str(project.folder / f"out.{kind}"))
        if kind is ModelKind.keras:
            export(file)
            continue
        with pytest.raises(Refused, match=r"A \.h5 file cannot hold this model: Keras .* Choose another format"):
            export(file)


def test_the_weights_alone_fit_the_requestors_own_model(project: Any, exported: Any) -> None:
    fresh, wanted = build_model(project.plan.architecture), trained(project)
    fresh.load_weights(exported("weights", optimizer=False))
    for ours, theirs in zip(fresh.weights, wanted.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_saved_model_answers_without_keras(project: Any, exported: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(exported("savedmodel")) as archive:
        archive.extractall(tmp_path / "out")
    x = rows_of(project)
    loaded = tf.saved_model.load(str(tmp_path / "out" / "savedmodel"))
    served = loaded.serve(x)
    np.testing.assert_allclose(served.numpy(), trained(project).predict(x, verbose=0), atol=1e-6)
    assert not [path for path in project.folder.iterdir() if path.name.startswith("tmp")]


def test_the_sample_runs_beside_the_file_in_stock_keras(project: Any, exported: Any, tmp_path: Path) -> None:
    file = exported("keras")
    scaling = {"kind": "standard", "inputs": {project.plan.inputs[0].name: {"subtract": [1.0] * 6, "divide_by": 2.0}}}
    text = sample(file.name, project.plan, {"labels": {"classes": ["cat", "dog", "crow"]}, "scaling": scaling})
    (file.parent / "use.py").write_text(text + 'print("COMPILED", model.loss is not None, x.min())\n')
    done = subprocess.run(
        [sys.executable, "-I", "use.py"], cwd=file.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "COMPILED True -0.5"
    assert done.stdout.split()[0] in ("cat", "dog", "crow")


def test_tensorboard_reads_the_history(tmp_path: Path) -> None:
    start = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    rows = [
        HistoryRow(
            round=number, epoch=number // 2, closed_at=start + dt.timedelta(seconds=number), seconds=1.5,
            mini_batches=4, examples=27, learning_rate=0.01, loss=2.0 / (number + 1), metrics={"accuracy": 0.5},
            validation_loss=1.0 if number == 3 else None,
            validation_metrics={"accuracy": 0.75} if number == 3 else {},
        )
        for number in range(4)
    ]  # fmt: skip
    (tmp_path / "rows").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    out = tmp_path / "events.zip"
    write_events(EventsRequest(rows=str(tmp_path / "rows"), out=str(out)))
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "log")
    runs = {run: EventAccumulator(str(tmp_path / "log" / run)).Reload() for run in ("train", "validation")}
    assert set(runs["train"].Tags()["scalars"]) == {"loss", "accuracy", "epoch", "learning_rate", "round_seconds"}
    losses = runs["train"].Scalars("loss")
    assert [(one.step, one.wall_time) for one in losses] == [(n + 1, start.timestamp() + n) for n in range(4)]
    assert [one.value for one in losses] == pytest.approx([2.0, 1.0, 2 / 3, 0.5])
    assert runs["train"].Scalars("learning_rate")[0].value == pytest.approx(0.01)
    assert [(one.step, one.value) for one in runs["validation"].Scalars("accuracy")] == [(4, 0.75)]


SCHEDULES = keras.optimizers.schedules


@pytest.mark.parametrize(
    "schedule",
    [
        SCHEDULES.ExponentialDecay(0.1, 7, 0.5),
        SCHEDULES.ExponentialDecay(0.1, 7, 0.5, staircase=True),
        SCHEDULES.InverseTimeDecay(0.1, 3, 0.5),
        SCHEDULES.PolynomialDecay(0.1, 10, 0.01, power=2.0),
        SCHEDULES.PolynomialDecay(0.1, 10, 0.01, cycle=True),
        SCHEDULES.PiecewiseConstantDecay([5, 10], [0.3, 0.2, 0.1]),
        SCHEDULES.CosineDecay(0.1, 12, alpha=0.1),
        SCHEDULES.CosineDecay(0.01, 12, warmup_target=0.1, warmup_steps=4),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_the_learning_rate_of_each_round_is_what_keras_says(schedule: Any) -> None:
    optimizer = canonical_optimizer(keras.saving.serialize_keras_object(keras.optimizers.SGD(schedule)))
    for number in range(0, 30):
        ours = rate_at(optimizer, number)
        assert ours == pytest.approx(float(keras.ops.convert_to_numpy(schedule(number))), rel=1e-5, abs=1e-9)
