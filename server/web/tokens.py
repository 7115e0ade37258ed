"""The account page's access tokens: made, shown once, revoked."""

from flask import Blueprint, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from server.errors import NotAcceptable
from server.rules.problems import Problem
from server.web import login
from server.web.accounts import account_page
from server.web.services import here, now

blueprint = Blueprint("tokens", __name__)
login.members_only(blueprint)

LASTING = ("30", "90", "365", "")
"""Days that the form offers; "" is without end."""


@blueprint.post("/account/tokens")
def create() -> ResponseReturnValue:
    """Shows the secret in this one answer; it is kept nowhere, in no cookie and no history."""
    days = request.form.get("days", "").strip()
    try:
        if days not in LASTING:
            raise NotAcceptable("Choose one of these.", "days")
        secret = here().tokens.create(
            login.account().id, request.form.get("token_label", ""), request.form.getlist("scopes"),
            int(days) if days else None, now(),
        )  # fmt: skip
    except NotAcceptable as error:
        field = "token_label" if error.field == "label" else error.field
        return account_page(problems=[Problem(field, error.sentence)]), 400
    response = make_response(account_page(token=secret))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/account/tokens/<int:token_id>/revoke")
def revoke(token_id: int) -> ResponseReturnValue:
    here().tokens.revoke(login.account().id, token_id, now())
    flash("The access token is revoked: it opens nothing any more.")
    return redirect(url_for("accounts.show") + "#tokens")
