"""What a person takes home of a project: the model in several formats, history, TensorBoard files, the recipe."""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from flask import Blueprint, Response, request, send_file

from server.rules.incoming import Download
from server.rules.results import LATEST, HistoryRow, ModelKind, ResultsView
from server.web import login
from server.web.services import here, now

blueprint = Blueprint("results", __name__, url_prefix="/projects")
login.members_only(blueprint)

KINDS = {
    ModelKind.own: "your own file, with the trained weights",
    ModelKind.keras: ".keras: Keras 3's own format",
    ModelKind.h5: ".h5: HDF5, for older programs",
    ModelKind.savedmodel: "SavedModel (zip): TensorFlow without Keras, TF Serving",
    ModelKind.weights: ".weights.h5: the weights alone",
}


@blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"results_of": results_of, "model_kinds": KINDS}


def results_of(project_id: int) -> ResultsView:
    """For templates: what of one's own project can be taken home now."""
    return here().results.view(login.account().id, project_id)


@blueprint.get("/<int:project_id>/model")
def model(project_id: int) -> Response:
    """The trained model: `which` is latest, best or a round; `format` one of ModelKind."""
    which, kind = request.args.get("which", LATEST), request.args.get("format", ModelKind.own)
    return sent(here().results.download(login.account().id, project_id, which, kind, now()))


@blueprint.get("/<int:project_id>/tensorboard.zip")
def tensorboard(project_id: int) -> Response:
    return sent(here().results.tensorboard(login.account().id, project_id, now()))


@blueprint.get("/<int:project_id>/history.csv")
def history_csv(project_id: int) -> Response:
    rows = here().results.history(login.account().id, project_id)
    return streamed(as_csv(rows), "text/csv", _name(project_id, "history.csv"))


@blueprint.get("/<int:project_id>/history.json")
def history_json(project_id: int) -> Response:
    rows = here().results.history(login.account().id, project_id)
    return streamed(as_json(rows), "application/json", _name(project_id, "history.json"))


@blueprint.get("/<int:project_id>/recipe.json")
def recipe(project_id: int) -> Response:
    pieces = here().results.recipe(login.account().id, project_id, now())
    return streamed(pieces, "application/json", _name(project_id, "recipe.json"))


@blueprint.get("/<int:project_id>/preprocessing.json")
def preprocessing(project_id: int) -> Response:
    found = here().results.preprocessing(login.account().id, project_id)
    return streamed([msgspec.json.encode(found)], "application/json", _name(project_id, "preprocessing.json"))


def as_csv(rows: Iterable[HistoryRow]) -> Iterator[str]:
    """One line a round below a line of names; the metrics' names are those of the first round."""
    rows = iter(rows)
    first = next(rows, None)
    names = sorted(first.metrics) if first else []
    about = ("round", "epoch", "mini_batches", "examples", "seconds", "closed_at", "learning_rate")
    yield _line([*about, "loss", *names, "validation_loss", *(f"validation_{name}" for name in names)])
    for row in itertools.chain([first] if first else [], rows):
        yield _line(
            [row.round, row.epoch, row.mini_batches, row.examples, f"{row.seconds:.3f}", row.closed_at.isoformat()]
            + [row.learning_rate, row.loss, *(row.metrics.get(name) for name in names), row.validation_loss]
            + [row.validation_metrics.get(name) for name in names]
        )


def as_json(rows: Iterable[HistoryRow]) -> Iterator[bytes]:
    """{"rounds": [...]}, a row a round."""
    yield b'{"rounds":[\n'
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"") + msgspec.json.encode(row)
    yield b"\n]}\n"


def file_name(name: str) -> str:
    """A project's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "project"


def _line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow("" if cell is None else cell for cell in cells)
    return text.getvalue()


def _name(project_id: int, end: str) -> str:
    return f"{file_name(here().results.view(login.account().id, project_id).name)}-{end}"


def sent(download: Download) -> Response:
    """The file, whole, under its name; no browser keeps it."""
    response = send_file(
        download.path, "application/octet-stream", as_attachment=True, download_name=download.filename,
        conditional=False, etag=False,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


def streamed(pieces: Iterable[bytes] | Iterable[str], kind: str, filename: str) -> Response:
    """What is not in memory as a whole, under its name; no browser keeps it."""
    response = Response(pieces, mimetype=kind)
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    response.headers["Cache-Control"] = "no-store"
    return response
