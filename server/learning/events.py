"""A training's history as TensorBoard's event files: one run for training, one for validation."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from tensorflow.core.framework.summary_pb2 import Summary  # type: ignore[import-untyped,unused-ignore]
from tensorflow.core.util.event_pb2 import Event  # type: ignore[import-untyped,unused-ignore]

from server.rules.results import EventsRequest, HistoryRow
from volunteer.plan.project_plan import ProjectPlan
from volunteer.training.build import revive
from volunteer.training.runtime import keras, tf

_VERSION = "brain.Event:2"


def write_events(request: EventsRequest) -> None:
    """Write the zip `request.out`: train/ and validation/, each with one event file. Step n: after n rounds."""
    rate = _rate(ProjectPlan.decode(Path(request.plan).read_bytes()))
    runs: dict[str, Callable[[HistoryRow], dict[str, float]]] = {
        "train": lambda row: _training(row, rate),
        "validation": _validation,
    }
    out = Path(request.out)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, _archive(out) as archive:
        for run, scalars in runs.items():
            part = Path(folder) / run
            _write_run(part, Path(request.rows), scalars)
            # TensorBoard reads every file whose name contains these words.
            archive.write(part, f"{run}/events.out.tfevents.0.daig")


def _archive(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)


def _write_run(path: Path, rows: Path, scalars: Callable[[HistoryRow], dict[str, float]]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for first, row in _numbered(rows):
            if first:
                writer.write(Event(wall_time=row.closed_at.timestamp(), file_version=_VERSION).SerializeToString())
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(row).items()]
            if values:
                event = Event(
                    wall_time=row.closed_at.timestamp(), step=row.round + 1, summary=Summary(value=values)
                )
                writer.write(event.SerializeToString())


def _numbered(rows: Path) -> Iterator[tuple[bool, HistoryRow]]:
    with rows.open("rb") as lines:
        for number, line in enumerate(lines):
            yield number == 0, msgspec.json.decode(line, type=HistoryRow)


def _training(row: HistoryRow, rate: Callable[[int], float]) -> dict[str, float]:
    loss = {} if row.loss is None else {"loss": row.loss}
    about = {"epoch": float(row.epoch), "learning_rate": rate(row.round), "round_seconds": row.seconds}
    return {**loss, **row.metrics, **about}


def _validation(row: HistoryRow) -> dict[str, float]:
    return {} if row.validation_loss is None else {"loss": row.validation_loss, **row.validation_metrics}


def _rate(plan: ProjectPlan) -> Callable[[int], float]:
    """Round -> the optimizer's learning rate in it; a round is one step."""
    described: Any = plan.optimizer["config"]["learning_rate"]
    if isinstance(described, int | float):
        return lambda _round: float(described)
    schedule = revive(described, "keras.optimizers.schedules")
    return lambda number: float(keras.ops.convert_to_numpy(schedule(number)))
