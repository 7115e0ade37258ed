"""The new-project form and the draft that it becomes: checking, needs correction, ready."""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.errors import NotAcceptable
from server.rules import settings
from server.rules.problems import Problem
from server.rules.states import DraftState
from server.rules.views import DraftView
from server.web import login
from server.web.caching import encoded, polled
from server.web.services import here, now
from server.web.uploads import files_of_form
from server.web.words import by_field
from volunteer.plan.objectives import LOSSES, METRICS, OPTIMIZERS
from volunteer.protocol import form_fields

blueprint = Blueprint("drafts", __name__, url_prefix="/drafts")
login.members_only(blueprint)

FILE_FIELDS = form_fields.FILE_FIELDS
UPLOADS_IN_PARTS = tuple(f"{field}_upload" for field in FILE_FIELDS)
CHECK_BOXES = tuple(field.name for field in form_fields.FORM_FIELDS if field.switch)
TEXT_FIELDS = tuple(field.name for field in form_fields.FORM_FIELDS if not field.switch and field.name != "metrics")
FORM_FIELDS = (*TEXT_FIELDS, "metrics", *CHECK_BOXES, *FILE_FIELDS)
LONGEST_TEXT = 1000

FOLDED = {
    "preparation": ("label_encoding", "scaling", "image_size"),
    "validation": ("validation_data", "validation_labels"),
    "advanced": (
        "optimizer", "loss", "metrics", "class_weights", "seed", "shard_examples", "report_deadline",
        "averaging", "quorum",
    ),
}
"""What is folded away until something is entered there, or is wrong with it."""
SCHEDULE_WORDS = {
    "constant": "constant",
    "cosine": "cosine: falls slowly, fast, slowly",
    "linear": "linear: falls to nothing",
    "exponential": "exponential: falls to a hundredth",
}
AVERAGING_WORDS = {
    "mean": "mean: all alike",
    "centered_clip": "centered clipping: far ones pull no harder than others",
    "trimmed_mean": "trimmed mean: without the highest and lowest third",
    "median": "median: the middle one, number by number",
    "norm_clip": "norm clipping: none longer than the median",
}


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    return render_template("new_project.html", **_for_form({}, [], []))


@blueprint.post("")
def start() -> ResponseReturnValue:
    form = _entered()
    try:
        draft_id = here().drafts.start(login.account().id, form, files_of_form(FILE_FIELDS), now())
    except NotAcceptable as error:
        problems = [Problem(error.field, error.sentence)]
        return render_template("new_project.html", **_for_form(form, problems, [])), 400
    return redirect(url_for("drafts.show", draft_id=draft_id), 303)


@blueprint.get("/<int:draft_id>")
def show(draft_id: int) -> ResponseReturnValue:
    draft = here().drafts.view(login.account().id, draft_id)
    if draft.state is DraftState.submitted and draft.project_id is not None:
        return redirect(url_for("projects.show", project_id=draft.project_id))
    return _draft_page(draft)


@blueprint.post("/<int:draft_id>")
def change(draft_id: int) -> ResponseReturnValue:
    form = _entered()
    try:
        files, removed = files_of_form(FILE_FIELDS), request.form.getlist("remove")
        here().drafts.change(login.account().id, draft_id, form, files, now(), removed)
    except NotAcceptable as error:
        draft = here().drafts.view(login.account().id, draft_id)
        return _draft_page(draft, form, Problem(error.field, error.sentence)), 400
    return redirect(url_for("drafts.show", draft_id=draft_id), 303)


@blueprint.get("/<int:draft_id>.json")
def state(draft_id: int) -> Response:
    """The draft without its files, for the page that waits for the checks, and for scripts."""
    return polled(*encoded(here().drafts.view(login.account().id, draft_id)))


@blueprint.post("/<int:draft_id>/start")
def submit(draft_id: int) -> ResponseReturnValue:
    project_id = here().drafts.submit(login.account().id, draft_id, now())
    return redirect(url_for("projects.show", project_id=project_id), 303)


@blueprint.post("/<int:draft_id>/suggested")
def use_suggested(draft_id: int) -> ResponseReturnValue:
    here().drafts.use_suggested(login.account().id, draft_id, now())
    return redirect(url_for("drafts.show", draft_id=draft_id), 303)


@blueprint.post("/<int:draft_id>/discard")
def discard(draft_id: int) -> ResponseReturnValue:
    here().drafts.discard(login.account().id, draft_id, now())
    flash("The draft and its files are deleted.")
    return redirect(url_for("projects.listing"), 303)


def _entered() -> dict[str, str]:
    """The texts, and the names of files that came before in parts: shown again when something is wrong."""
    form = {field: request.form.get(field, "").strip()[:LONGEST_TEXT] for field in TEXT_FIELDS}
    form["metrics"] = ",".join(request.form.getlist("metrics"))[:LONGEST_TEXT]
    form.update({field: "1" if request.form.get(field) else "" for field in CHECK_BOXES})
    form.update({name: request.form.get(name, "")[:LONGEST_TEXT] for name in UPLOADS_IN_PARTS})
    return form


def _draft_page(draft: DraftView, form: dict[str, str] | None = None, extra: Problem | None = None) -> str:
    problems = [*draft.problems, *([extra] if extra else [])]
    uploads = [(upload.field, upload.filename, upload.size) for upload in draft.uploads]
    entered = form or draft.form
    outlook = here().drafts.outlook(login.account().id, draft.id)
    suggested = msgspec.structs.asdict(outlook.suggested) if outlook else {}
    differing = [
        ("K" if field == "k" else field.replace("_", " "), value)
        for field, value in suggested.items()
        if field != "shard_examples" and entered.get(field, "") not in ("", str(value))
    ]
    return render_template(
        "draft.html", draft=draft, outlook=outlook, differing=differing,
        **_for_form(entered, problems, uploads, suggested, draft.preview),
    )  # fmt: skip


def _for_form(
    form: Mapping[str, str], problems: list[Problem], uploads: list[tuple[str, str, int]],
    suggested: Mapping[str, int] | None = None, preview: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What the form's template needs. Problems of no field of the form stand at its head."""
    columns = (preview or {}).get("data", {}).get("columns", [])
    return {
        "suggested": suggested or {},
        "preview": preview or {},
        "unfolded": {part: any(_is_telling(form, problems, uploads, f) for f in FOLDED[part]) for part in FOLDED},
        "preview_columns": [(column["name"], column["name"]) for column in columns],
        "schedules": list(SCHEDULE_WORDS.items()),
        "averagings": list(AVERAGING_WORDS.items()),
        "form": form,
        "chosen_metrics": [word for word in form.get("metrics", "").split(",") if word],
        "problems": problems,
        "beside": by_field(problems, FORM_FIELDS),
        "file_fields": FILE_FIELDS,
        "kept": {field: (filename, size) for field, filename, size in uploads},
        "losses": LOSSES,
        "metrics": METRICS,
        "optimizers": OPTIMIZERS,
        "limits": settings,
        "max_upload_bytes": here().settings.max_upload_bytes,
    }


def _is_telling(
    form: Mapping[str, str], problems: list[Problem], uploads: list[tuple[str, str, int]], field: str
) -> bool:
    entered = form.get(field, "") not in ("", "none", "auto", "0", "600")
    return entered or field in {problem.field for problem in problems} | {upload[0] for upload in uploads}
