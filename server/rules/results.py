"""What a requestor can take home, as plain values: kinds of files, kept weights, rows of the history."""

import datetime as dt
import enum
from pathlib import PurePath

import msgspec

from server.errors import NotAcceptable


class ModelKind(enum.StrEnum):
    """`own`: the uploaded file with new weights; the others are written anew by stock Keras."""

    own = "own"
    keras = "keras"
    h5 = "h5"
    weights = "weights"
    savedmodel = "savedmodel"


SUFFIXES = {
    ModelKind.keras: ".keras",
    ModelKind.h5: ".h5",
    ModelKind.weights: ".weights.h5",
    ModelKind.savedmodel: "-savedmodel.zip",
}
"""Of the written kinds; the requestor's own file keeps its own."""

LATEST, BEST = "latest", "best"


def file_name(source: str, source_kind: str, number: int, kind: ModelKind) -> str:
    """What a model is called when it is taken home: no two kinds of one round alike.

    `source`: the uploaded file's name; `source_kind`: "h5" or "keras", as it really is.
    """
    stem = f"{PurePath(source).stem}-round-{number}"
    if kind is ModelKind.own:
        return f"{stem}.{source_kind}"
    return f"{stem}{'-converted' if SUFFIXES[kind] == f'.{source_kind}' else ''}{SUFFIXES[kind]}"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Write a checkpoint as a model file that stock Keras loads.

    `plan`, `frozen`, `weights`, `optimizer`: paths of blobs; without `optimizer` its state is as before the first
    step. `out` is the file to be written; `kind` any but `own`.
    """

    plan: str
    frozen: str
    weights: str
    optimizer: str | None
    kind: ModelKind
    out: str


class EventsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Write TensorBoard's event files. `rows`: a file of HistoryRow, one JSON object a line; `out`: the zip."""

    rows: str
    out: str


class HistoryRow(msgspec.Struct, frozen=True):
    """One closed round. Training figures are as reported by hosts; validation stands where it was measured.

    `learning_rate` is None where only Keras can tell it.
    """

    round: int
    epoch: int
    closed_at: dt.datetime
    seconds: float
    mini_batches: int
    examples: int
    learning_rate: float | None
    loss: float | None
    metrics: dict[str, float]
    validation_loss: float | None = None
    validation_metrics: dict[str, float] = {}


class KeptView(msgspec.Struct, frozen=True):
    """Weights that can be downloaded: those that round `round` started from. `epoch`: how many were complete."""

    round: int
    epoch: int
    ends_epoch: bool
    size: int
    validation_loss: float | None
    validation_metrics: dict[str, float]


class ResultsView(msgspec.Struct, frozen=True):
    """`kept`: the newest hundred, newest first. `source_name`: the requestor's own file.

    `sample`: code that loads the newest `.keras` file and uses it.
    """

    project_id: int
    name: str
    source_name: str
    kept: list[KeptView]
    latest: KeptView | None
    best: KeptView | None
    has_preprocessing: bool
    sample: str


def read_kind(text: str) -> ModelKind:
    """Raises NotAcceptable (field "format")."""
    try:
        return ModelKind(text)
    except ValueError:
        known = ", ".join(ModelKind)
        raise NotAcceptable(f"There is no format “{text[:40]}”; there are {known}.", "format") from None


def read_which(text: str) -> str | int:
    """LATEST, BEST or a round's number. Raises NotAcceptable (field "which")."""
    if text in (LATEST, BEST):
        return text
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise NotAcceptable(f"“{text[:40]}” names no weights: {LATEST}, {BEST} or the number of a round.", "which")
