"""A project once more, with changed settings: its clone is a draft."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from server.web import login
from server.web.services import here, now

blueprint = Blueprint("cloning", __name__, url_prefix="/projects")
login.members_only(blueprint)


@blueprint.post("/<int:project_id>/clone")
def clone(project_id: int) -> ResponseReturnValue:
    start = request.form.get("start", "original")
    draft_id = here().cloning.clone(login.account().id, project_id, now(), start)
    flash("This is a copy with data and model. Change what you like, then start it.")
    return redirect(url_for("drafts.show", draft_id=draft_id), 303)
