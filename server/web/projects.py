"""A person's projects: the list, the page of one, its buttons and its downloads."""

import re
from typing import Any

import msgspec
from flask import Blueprint, Response, flash, redirect, render_template, send_file, url_for
from flask.typing import ResponseReturnValue

from server.rules.states import DraftState, ProjectState
from server.rules.views import ProjectView
from server.web import login
from server.web.caching import BriefCache, polled
from server.web.curves import charts
from server.web.services import here, now

blueprint = Blueprint("projects", __name__, url_prefix="/projects")
login.members_only(blueprint)

ENDED = frozenset({ProjectState.finished, ProjectState.cancelled})
LAST_ROUNDS = 20
PARTS = ("status", "numbers", "curves", "rounds", "events")
_cache = BriefCache()


@blueprint.get("")
def listing() -> ResponseReturnValue:
    owner = login.account().id
    drafts = [draft for draft in here().drafts.list_for(owner) if draft.state is not DraftState.submitted]
    return render_template(
        "projects.html", projects=here().project_views.list_for(owner, now()), drafts=drafts
    )


@blueprint.get("/<int:project_id>")
def show(project_id: int) -> ResponseReturnValue:
    view = here().project_views.view(login.account().id, project_id, now())
    return render_template("project.html", view=view, ended=view.summary.state in ENDED, **_for_parts(view))


@blueprint.get("/<int:project_id>.json")
def state(project_id: int) -> Response:
    """The project's numbers, and the parts of its page as they look now."""
    owner, projects = login.account().id, here().project_views

    def build() -> dict[str, Any]:
        view = projects.view(owner, project_id, now())
        plain: dict[str, Any] = msgspec.to_builtins(view)
        plain["rounds"] = plain["rounds"][-LAST_ROUNDS:]
        about = _for_parts(view)
        parts = {part: render_template(f"project/{part}.html", view=view, **about) for part in PARTS}
        return {**plain.pop("summary"), **plain, "ended": view.summary.state in ENDED, "parts": parts}

    return polled(*_cache.get(_key(project_id), build))


@blueprint.get("/<int:project_id>/model")
def model(project_id: int) -> Response:
    """The trained model as it is now: the person's own file with the weights replaced."""
    download = here().projects.download(login.account().id, project_id, now())
    response = send_file(
        download.path, "application/octet-stream", as_attachment=True, download_name=download.filename,
        conditional=False, etag=False,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<int:project_id>/history.csv")
def history(project_id: int) -> Response:
    owner = login.account().id
    text = here().projects.history_csv(owner, project_id)
    name = here().project_views.view(owner, project_id, now()).summary.name
    response = Response(text, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"{file_name(name)}-history.csv")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/<int:project_id>/pause")
def pause(project_id: int) -> ResponseReturnValue:
    here().projects.pause(login.account().id, project_id, now())
    return _back(project_id, "Paused. Nothing is lost; resume it whenever you like.")


@blueprint.post("/<int:project_id>/resume")
def resume(project_id: int) -> ResponseReturnValue:
    here().projects.resume(login.account().id, project_id, now())
    return _back(project_id, "The training goes on.")


@blueprint.get("/<int:project_id>/cancel")
def confirm_cancel(project_id: int) -> ResponseReturnValue:
    return _confirm(project_id, "cancel")


@blueprint.post("/<int:project_id>/cancel")
def cancel(project_id: int) -> ResponseReturnValue:
    here().projects.cancel(login.account().id, project_id, now())
    return _back(project_id, "Cancelled. The model as trained so far stays here for download.")


@blueprint.get("/<int:project_id>/delete")
def confirm_delete(project_id: int) -> ResponseReturnValue:
    return _confirm(project_id, "delete")


@blueprint.post("/<int:project_id>/delete")
def delete(project_id: int) -> ResponseReturnValue:
    here().projects.delete(login.account().id, project_id, now())
    _cache.forget(_key(project_id))
    flash("The project is deleted, with its data and its model; hosts are told to drop their copies.")
    return redirect(url_for("projects.listing"), 303)


def file_name(name: str) -> str:
    """A project's name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:60] or "project"


def _key(project_id: int) -> object:
    return id(here().project_views), login.account().id, project_id


def _back(project_id: int, sentence: str) -> ResponseReturnValue:
    _cache.forget(_key(project_id))
    flash(sentence)
    return redirect(url_for("projects.show", project_id=project_id), 303)


def _confirm(project_id: int, verb: str) -> ResponseReturnValue:
    view = here().project_views.view(login.account().id, project_id, now())
    return render_template("confirm.html", view=view, verb=verb)


def _for_parts(view: ProjectView) -> dict[str, Any]:
    return {"charts": charts(view.rounds), "last_rounds": view.rounds[-LAST_ROUNDS:][::-1], "now": now()}
