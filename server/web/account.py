"""The account page: password, e-mail, notifications, access tokens, leaderboard, and the way out."""

from collections.abc import Callable, Sequence

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from server.errors import NotAcceptable, NotAllowedNow, TooManyTries
from server.rules.problems import Problem
from server.rules.scopes import SCOPES
from server.web import login
from server.web.services import here, now

blueprint = Blueprint("account", __name__)
login.members_only(blueprint)

LASTING = {"30": "30 days", "90": "90 days", "365": "a year", "": "until I revoke it"}
"""Days that the form offers for a token."""


@blueprint.get("/account")
def show() -> ResponseReturnValue:
    return _page()


@blueprint.post("/account/password")
def change_password() -> ResponseReturnValue:
    """The other sessions end; this one goes on, under the new key."""
    old, new = request.form.get("old_password", ""), request.form.get("new_password", "")
    who = login.account()

    def change() -> None:
        here().people.passwords.change(who.id, old, new, request.remote_addr or "", now())
        login.enter(who)

    return _done(change, "password", "The password is changed; all other sessions have ended.")


@blueprint.post("/account/email")
def give_email() -> ResponseReturnValue:
    """Asks for the password: whoever owns the address can set a new one."""
    address, who = request.form.get("email", ""), login.account()

    def give() -> None:
        _require_password("email_password")
        here().people.addresses.give_email(who.id, address, now())

    return _done(give, "email", "A letter is on its way. Follow its link within a day.")


@blueprint.post("/account/email/remove")
def remove_email() -> ResponseReturnValue:
    """Asks for the password: whoever takes the address away takes the owner's way back into a stolen account."""
    who = login.account()

    def remove() -> None:
        _require_password("remove_password")
        here().people.addresses.remove_email(who.id, now())

    return _done(remove, "email", "The address is removed.")


@blueprint.post("/account/notifications")
def choose_notifications() -> ResponseReturnValue:
    form, who = request.form, login.account()

    def choose() -> None:
        here().people.addresses.choose(who.id, "tell_by_mail" in form, form.get("webhook_url", ""), now())

    return _done(choose, "notifications", "Saved.")


@blueprint.post("/account/webhook-test")
def test_webhook() -> ResponseReturnValue:
    who = login.account()
    sentence = "The test is on its way. Reload the page in a few seconds to see how it went."
    return _done(lambda: here().people.addresses.test_webhook(who.id, now()), "notifications", sentence)


@blueprint.post("/account/leaderboard")
def choose_listing() -> ResponseReturnValue:
    form = request.form
    listed = "is_listed" in form
    here().people.addresses.choose_listing(login.account().id, listed, "lists_hosts" in form, "is_exported" in form)
    flash("The leaderboard shows your name." if listed else "The leaderboard does not show your name any more.")
    return redirect(url_for("account.show") + "#leaderboard")


@blueprint.post("/account/tokens")
def create_token() -> ResponseReturnValue:
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
        return _page(problems=[Problem(field, error.sentence)]), 400
    response = make_response(_page(token=secret))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/account/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> ResponseReturnValue:
    here().tokens.revoke(login.account().id, token_id, now())
    flash("The access token is revoked: it opens nothing any more.")
    return redirect(url_for("account.show") + "#tokens")


@blueprint.get("/account/delete")
def ask_to_delete() -> ResponseReturnValue:
    return _delete_page([])


@blueprint.post("/account/delete")
def delete() -> ResponseReturnValue:
    who = login.account()
    try:
        here().people.leaving.delete_account(
            who.id, request.form.get("password", ""), request.remote_addr or "", now()
        )
    except NotAcceptable as error:
        return _delete_page([Problem(error.field, error.sentence)]), 400
    except (NotAllowedNow, TooManyTries) as error:
        return _delete_page([Problem("", error.sentence)]), 409 if isinstance(error, NotAllowedNow) else 429
    login.leave()
    flash("Your account is deleted, with your projects, their models and their data.")
    return redirect(url_for("pages.landing"))


def _done(act: Callable[[], None], section: str, sentence: str) -> ResponseReturnValue:
    """Act, and back to the section of the page; or the page again with what is wrong beside its field."""
    try:
        act()
    except NotAcceptable as error:
        return _page(problems=[Problem(error.field, error.sentence)]), 400
    except (TooManyTries, NotAllowedNow) as error:
        problems = [Problem(section, error.sentence)]
        return _page(problems=problems), 429 if isinstance(error, TooManyTries) else 409
    flash(sentence)
    answer: Response = redirect(url_for("account.show") + f"#{section}")
    return answer


def _require_password(field: str) -> None:
    given = request.form.get(field, "")
    here().people.passwords.require(login.account().id, given, field, request.remote_addr or "", now())


def _page(token: str = "", problems: Sequence[Problem] = ()) -> str:
    """The page, with what was just made, shown this once, or what was wrong."""
    services, owner, moment = here(), login.account(), now()
    team = services.people.teams.of(owner.id)
    return render_template(
        "account.html",
        team=team[0] if team else None,
        leads_team=bool(team and team[1]),
        account=owner,
        contact=services.people.addresses.view(owner.id, moment),
        tokens=services.tokens.list_for(owner.id, moment),
        token=token,
        scopes=SCOPES,
        lasting=LASTING,
        problems=problems,
        form=request.form,
        server=services.address(request.url_root),
        now=moment,
    )


def _delete_page(problems: Sequence[Problem]) -> str:
    projects = here().project_views.list_for(login.account().id, now())
    return render_template("account/delete.html", problems=problems, projects=projects)
