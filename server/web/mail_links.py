"""Where mailed links lead: a new password, a confirmed address. A link changes nothing by being opened.

Programs that look through mail open links too; what counts is the button. The pages tell no other site the link.
"""

from collections.abc import Sequence

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from server.errors import NotAcceptable, TooManyTries
from server.rules.problems import Problem
from server.web import login
from server.web.services import here, now

blueprint = Blueprint("mail_links", __name__)

ASKED = (
    "If an account has this address, a letter with a link is on its way to it. The link works for an hour. "
    "No letter after some minutes? Look into the folder for unwanted mail, or try another address."
)
"""The one answer, whether or not there is such an account."""


@blueprint.before_request
def _only_where_mail_is_sent() -> None:
    if not here().people.sends_mail:
        raise NotFound


@blueprint.after_request
def _keep_nowhere(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/forgot")
def forgot() -> ResponseReturnValue:
    return render_template("forgot.html", problems=[], email="", asked="")


@blueprint.post("/forgot")
def ask() -> ResponseReturnValue:
    address = request.form.get("email", "")
    try:
        here().people.passwords.ask_reset(address, request.remote_addr or "", now())
    except NotAcceptable as error:
        problems = [Problem(error.field, error.sentence)]
        return render_template("forgot.html", problems=problems, email=address, asked=""), 400
    except TooManyTries as error:
        return render_template("forgot.html", problems=[Problem("", error.sentence)], email=address, asked=""), 429
    return render_template("forgot.html", problems=[], email="", asked=ASKED)


@blueprint.get("/reset/<secret>")
def choose(secret: str) -> ResponseReturnValue:
    return _choose(secret, [])


@blueprint.post("/reset/<secret>")
def reset(secret: str) -> ResponseReturnValue:
    form, revoke_all = request.form, "revoke_all" in request.form
    try:
        here().people.passwords.reset(
            secret, form.get("new_password", ""), request.remote_addr or "", now(), revoke_all
        )
    except NotAcceptable as error:
        return _choose(secret, [Problem(error.field, error.sentence)]), 400
    login.leave()
    revoked = " All access tokens and join keys are revoked." if revoke_all else ""
    flash(f"The new password is set, and all sessions have ended.{revoked} Log in with it.")
    return redirect(url_for("accounts.log_in"))


@blueprint.get("/verify/<secret>")
def look(secret: str) -> ResponseReturnValue:
    name, address = here().people.addresses.pending(secret, request.remote_addr or "", now())
    return render_template("verify.html", secret=secret, name=name, address=address)


@blueprint.post("/verify/<secret>")
def verify(secret: str) -> ResponseReturnValue:
    address = here().people.addresses.confirm(secret, request.remote_addr or "", now())
    flash(f"The address {address} is confirmed.")
    return redirect(url_for("account.show") if login.is_logged_in() else url_for("pages.landing"))


def _choose(secret: str, problems: Sequence[Problem]) -> Response:
    name = here().people.passwords.owner_of(secret, request.remote_addr or "", now())
    return make_response(render_template(
        "reset.html", secret=secret, name=name, problems=problems, revoke_all="revoke_all" in request.form,
    ))  # fmt: skip
