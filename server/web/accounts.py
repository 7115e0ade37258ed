"""Sign-up, log-in, log-out."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.errors import AccountBlocked, NotAcceptable, TooManyTries
from server.rules.problems import Problem
from server.web import login
from server.web.services import here, now

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/sign-up")
def sign_up() -> ResponseReturnValue:
    return _sign_up_again("", [], request.args.get("invitation", ""))


@blueprint.post("/sign-up")
def do_sign_up() -> ResponseReturnValue:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    # Operators send the whole address, and people paste what they were sent.
    invitation = request.form.get("invitation", "").strip().rpartition("invitation=")[2]
    try:
        account = here().accounts.sign_up(name, password, now(), request.remote_addr or "", invitation)
    except NotAcceptable as error:
        return _sign_up_again(name, [Problem(error.field, error.sentence)], invitation), 400
    except TooManyTries:
        sentence = "Very many accounts were made from your address of late. Try again later."
        return _sign_up_again(name, [Problem("name", sentence)], invitation), 429
    login.enter(account)
    office = " You are the first here: this grid's operator." if account.is_operator else ""
    flash(f"Welcome, {account.name}.{office}")
    return redirect(_wanted() or url_for("account.show"))


@blueprint.get("/log-in")
def log_in() -> ResponseReturnValue:
    if login.is_logged_in():
        return redirect(_wanted() or url_for("projects.listing"))
    return _log_in_again("", "")


@blueprint.post("/log-in")
def do_log_in() -> ResponseReturnValue:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        account = here().accounts.log_in(name, password, request.remote_addr or "", now())
    except TooManyTries as error:
        return _log_in_again(name, error.sentence), 429
    except AccountBlocked as error:
        return _log_in_again(name, error.sentence), 403
    if account is None:
        # One sentence for both: whether a name exists is nobody's business.
        return _log_in_again(name, "No account has this name and this password."), 400
    login.enter(account)
    return redirect(_wanted() or url_for("projects.listing"))


@blueprint.post("/log-out")
def log_out() -> ResponseReturnValue:
    login.leave()
    flash("You are logged out.")
    return redirect(url_for("pages.landing"))


def sign_up_address(invitation: str) -> str:
    """The page where an invitation is used, with its code filled in."""
    return here().address(request.url_root) + url_for("accounts.sign_up", invitation=invitation)


def _sign_up_again(name: str, problems: list[Problem], invitation: str) -> str:
    return render_template(
        "sign_up.html", name=name, problems=problems, invitation=invitation, wanted=_wanted(),
        by_invitation=here().accounts.needs_invitation(), sends_mail=here().people.sends_mail,
    )  # fmt: skip


def _log_in_again(name: str, problem: str) -> str:
    return render_template(
        "log_in.html", name=name, problem=problem, wanted=_wanted(), sends_mail=here().people.sends_mail
    )


def _wanted() -> str:
    return login.safe_target(request.values.get("next", ""))
