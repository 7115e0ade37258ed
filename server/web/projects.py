"""A person's projects: the list, the page of one, and its buttons."""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.rules.preprocessing_in_words import preprocessing_in_words
from server.rules.states import DraftState, ProjectState
from server.rules.views import ProjectSummary, ProjectView
from server.web import login
from server.web.caching import BriefCache, polled
from server.web.curves import charts, spark
from server.web.services import here, now

blueprint = Blueprint("projects", __name__, url_prefix="/projects")
login.members_only(blueprint)

ENDED = frozenset({ProjectState.finished, ProjectState.cancelled})
LAST_ROUNDS = 20
PARTS = ("status", "numbers", "results", "rounds", "events", "preparation")
ORDERS: dict[str, tuple[str, Callable[[ProjectSummary], Any]]] = {
    "newest": ("newest first", lambda each: -each.id),
    "name": ("by name", lambda each: (each.name.casefold(), -each.id)),
    "progress": ("by progress", lambda each: (-each.progress, -each.id)),
    "loss": ("by loss", lambda each: (each.loss is None, each.loss or 0.0, -each.id)),
}
_cache = BriefCache()
_NO_ROUND = 2**53


@blueprint.get("")
def listing() -> ResponseReturnValue:
    owner = login.account().id
    drafts = [draft for draft in here().drafts.list_for(owner) if draft.state is not DraftState.submitted]
    return render_template("projects.html", drafts=drafts, orders=ORDERS, **_for_list(owner))


@blueprint.get("/list.json")
def list_state() -> Response:
    """The list's parts as they look now."""
    owner, order = login.account().id, _order()
    services = id(here().project_views)

    def build() -> dict[str, Any]:
        return {"parts": {"list": render_template("projects/list.html", **_for_list(owner))}}

    return polled(*_cache.get((services, owner, "list", order), build))


@blueprint.get("/<int:project_id>")
def show(project_id: int) -> ResponseReturnValue:
    owner, projects = login.account().id, here().project_views
    view = projects.view(owner, project_id, now())
    return render_template(
        "project.html", view=view, ended=view.summary.state in ENDED, charts=charts(projects.curves(owner, project_id)),
        **_for_parts(view),
    )  # fmt: skip


@blueprint.get("/<int:project_id>.json")
def state(project_id: int) -> Response:
    """The project's numbers, and the parts of its page as they look now."""
    owner, projects = login.account().id, here().project_views

    def build() -> dict[str, Any]:
        view = projects.view(owner, project_id, now())
        plain: dict[str, Any] = msgspec.to_builtins(view)
        plain["rounds"] = plain["rounds"][-LAST_ROUNDS:]
        about = _for_parts(view)
        parts = {part: render_template(f"project/{part}.html", view=view, s=view.summary, **about) for part in PARTS}
        return {**plain.pop("summary"), **plain, "ended": view.summary.state in ENDED, "parts": parts}

    return polled(*_cache.get(_key(project_id), build))


@blueprint.get("/<int:project_id>/curves.json")
def curves(project_id: int) -> Response:
    """The curves' points after round `after`, and after round `measured` of those measured on validation data."""
    owner, projects = login.account().id, here().project_views
    given = (request.args.get(name, -1, type=int) for name in ("after", "measured"))
    after, measured = (min(max(number, -1), _NO_ROUND) for number in given)

    def build() -> Any:
        return projects.curves(owner, project_id, after, measured)

    return polled(*_cache.get((_key(project_id), after, measured), build))


@blueprint.post("/<int:project_id>/pause")
def pause(project_id: int) -> ResponseReturnValue:
    here().projects.pause(login.account().id, project_id, now())
    return _back(project_id, "Paused. Nothing is lost; resume it whenever you like.")


@blueprint.post("/<int:project_id>/one-kind", defaults={"one_kind": True})
@blueprint.post("/<int:project_id>/all-kinds", defaults={"one_kind": False})
def compare_one_kind(project_id: int, one_kind: bool) -> ResponseReturnValue:
    here().projects.compare_one_kind(login.account().id, project_id, one_kind, now())
    kinds = "of one kind" if one_kind else "of all kinds"
    return _back(project_id, f"Machines {kinds} check each other's gradients from now on.")


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
    return {
        "last_rounds": view.rounds[-LAST_ROUNDS:][::-1], "now": now(),
        "preprocessing": preprocessing_in_words(view.preprocessing),
    }  # fmt: skip


def _order() -> str:
    chosen = request.args.get("sort", "")
    return chosen if chosen in ORDERS else next(iter(ORDERS))


def _for_list(owner: int) -> dict[str, Any]:
    order = _order()
    projects = sorted(here().project_views.list_for(owner, now()), key=ORDERS[order][1])
    return {
        "order": order, "now": now(), "spark": spark,
        "current": [each for each in projects if each.state not in ENDED],
        "ended": [each for each in projects if each.state in ENDED],
    }  # fmt: skip
