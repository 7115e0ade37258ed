"""Teams: what members and founders do. (The page of a team is for everybody: `public.py` has its address.)"""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.errors import NotAcceptable, NotAllowedNow, TooManyTries
from server.rules.problems import Problem
from server.web import login
from server.web.services import here, now
from volunteer.protocol.credit_messages import MOST_DESCRIPTION_LETTERS, MOST_TEAM_LETTERS

blueprint = Blueprint("teams", __name__)
login.members_only(blueprint)
_LIMITS = {"most_letters": MOST_TEAM_LETTERS, "most_description": MOST_DESCRIPTION_LETTERS}


@blueprint.get("/teams/new")
def new() -> ResponseReturnValue:
    return _new_page([])


@blueprint.post("/teams/new")
def create() -> ResponseReturnValue:
    form = request.form
    try:
        team = here().people.teams.create(
            login.account().id, form.get("name", ""), form.get("description", ""), now()
        )
    except NotAcceptable as error:
        return _new_page([Problem(error.field, error.sentence)]), 400
    except (NotAllowedNow, TooManyTries) as error:
        return _new_page([Problem("", error.sentence)]), 429 if isinstance(error, TooManyTries) else 409
    flash(f"The team “{team.name}” is made, and you are in it.")
    return redirect(url_for("public.team", team_id=team.id))


@blueprint.post("/teams/<int:team_id>/join")
def join(team_id: int) -> ResponseReturnValue:
    try:
        team = here().people.teams.join(login.account().id, team_id, now())
    except NotAllowedNow as error:
        flash(error.sentence)
        return redirect(url_for("public.team", team_id=team_id))
    flash(f"You are in the team “{team.name}”: what your machines earn from now on counts with it.")
    return redirect(url_for("public.team", team_id=team_id))


@blueprint.post("/teams/leave")
def leave() -> ResponseReturnValue:
    here().people.teams.leave(login.account().id, now())
    flash("You are in no team any more. What you earned in it stays there.")
    return redirect(url_for("account.show") + "#team")


@blueprint.post("/teams/<int:team_id>")
def change(team_id: int) -> ResponseReturnValue:
    form = request.form
    try:
        here().people.teams.change(
            login.account().id, team_id, form.get("name", ""), form.get("description", ""), now(),
            form.get("closed") == "1",
        )  # fmt: skip
    except NotAcceptable as error:
        return page(team_id, [Problem(error.field, error.sentence)]), 400
    flash("Saved.")
    return redirect(url_for("public.team", team_id=team_id))


@blueprint.post("/teams/<int:team_id>/members/<int:member>/remove")
def remove(team_id: int, member: int) -> ResponseReturnValue:
    try:
        here().people.teams.remove(login.account().id, team_id, member, now())
    except NotAllowedNow as error:
        flash(error.sentence)
    else:
        flash("The member is out of the team. What it earned in it stays there.")
    return redirect(url_for("public.team", team_id=team_id))


def page(team_id: int, problems: list[Problem] | None = None) -> str:
    """Of one team, with what the asker may do there. Raises NotFound."""
    teams = here().people.teams
    mine = teams.of(login.account().id) if login.is_logged_in() else None
    is_in_it = mine is not None and mine[0].id == team_id
    is_founder = mine is not None and is_in_it and mine[1]
    leads = is_founder or (login.is_logged_in() and login.account().is_operator)
    return render_template(
        "team.html", team=teams.view(team_id), is_in_it=is_in_it, is_elsewhere=mine is not None, leads=leads,
        seats=teams.seats(login.account().id, team_id) if leads else [],
        me=login.account().id if login.is_logged_in() else 0,
        problems=problems or [], form=request.form, **_LIMITS,
    )  # fmt: skip


def _new_page(problems: list[Problem]) -> str:
    return render_template("team_new.html", problems=problems, form=request.form, **_LIMITS)
