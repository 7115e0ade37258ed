"""A training's history as TensorBoard's event files: one run for training, one for validation."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from tensorflow.core.framework.summary_pb2 import Summary  # type: ignore[import-untyped,unused-ignore]
from tensorflow.core.util.event_pb2 import Event  # type: ignore[import-untyped,unused-ignore]

from server.rules.results import EventsRequest, HistoryRow
from volunteer.training.runtime import tf

_VERSION = "brain.Event:2"


def write_events(request: EventsRequest) -> None:
    """Write the zip `request.out`: train/ and validation/, each with one event file. Step n: after n rounds."""
    runs = {"train": _training, "validation": _validation}
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


def _training(row: HistoryRow) -> dict[str, float]:
    known = {"loss": row.loss, "learning_rate": row.learning_rate}
    about = {"epoch": float(row.epoch), "round_seconds": row.seconds}
    return {name: value for name, value in known.items() if value is not None} | row.metrics | about


def _validation(row: HistoryRow) -> dict[str, float]:
    return {} if row.validation_loss is None else {"loss": row.validation_loss, **row.validation_metrics}
