"""Sign-up, log-in and the account page with its join keys and machines."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.domain.join_keys import MAX_HOURS, MAX_USES
from server.errors import NotAcceptable, TooManyTries
from server.rules.problems import Problem
from server.rules.scopes import SCOPES
from server.web import login
from server.web.services import here, now

blueprint = Blueprint("accounts", __name__)


@blueprint.get("/sign-up")
def sign_up() -> ResponseReturnValue:
    return render_template("sign_up.html", name="", problems=[], wanted=_wanted())


@blueprint.post("/sign-up")
def do_sign_up() -> ResponseReturnValue:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        account = here().accounts.sign_up(name, password, now(), request.remote_addr or "")
    except NotAcceptable as error:
        problems = [Problem(error.field, error.sentence)]
        return render_template("sign_up.html", name=name, problems=problems, wanted=_wanted()), 400
    except TooManyTries:
        problems = [Problem("name", "Very many accounts were made from your address of late. Try again later.")]
        return render_template("sign_up.html", name=name, problems=problems, wanted=_wanted()), 429
    login.enter(account)
    flash(f"Welcome, {account.name}.")
    return redirect(_wanted() or url_for("accounts.show"))


@blueprint.get("/log-in")
def log_in() -> ResponseReturnValue:
    if login.is_logged_in():
        return redirect(_wanted() or url_for("projects.listing"))
    return render_template("log_in.html", name="", problem="", wanted=_wanted())


@blueprint.post("/log-in")
def do_log_in() -> ResponseReturnValue:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    try:
        account = here().accounts.log_in(name, password, request.remote_addr or "", now())
    except TooManyTries as error:
        return _log_in_again(name, error.sentence), 429
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


@blueprint.get("/account")
def show() -> ResponseReturnValue:
    return account_page()


@blueprint.post("/account/join-keys")
def create_join_key() -> ResponseReturnValue:
    """Shows the secret in this one answer; it is kept nowhere, in no cookie and no history."""
    form = request.form
    problems: list[Problem] = []
    label = form.get("label", "").strip()[:100] or "my machines"
    uses = _whole("uses", MAX_USES, problems)
    hours = _whole("hours", MAX_HOURS, problems)
    if problems:
        return account_page(problems=problems), 400
    try:
        secret = here().join_keys.create(login.account().id, label, uses, hours, now())
    except NotAcceptable as error:
        return account_page(problems=[Problem(error.field, error.sentence)]), 400
    response = make_response(account_page(secret=secret))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/account/join-keys/<int:key_id>/revoke")
def revoke_join_key(key_id: int) -> ResponseReturnValue:
    here().join_keys.revoke(login.account().id, key_id, now())
    flash("The join key is revoked. Machines that joined with it stay.")
    return redirect(url_for("accounts.show"))


@blueprint.post("/account/hosts/<int:host_id>/detach")
def detach_host(host_id: int) -> ResponseReturnValue:
    here().hosts.detach(login.account().id, host_id, now())
    flash("The machine is detached: its token is worth nothing any more. What it has computed stays.")
    return redirect(url_for("accounts.show"))


@blueprint.before_request
def _members_only() -> ResponseReturnValue | None:
    return login.ask_to_log_in() if request.path.startswith("/account") and not login.is_logged_in() else None


def account_page(secret: str = "", token: str = "", problems: list[Problem] | None = None) -> str:
    """The page, with what was just made, shown this once, or what was wrong."""
    services, owner, moment = here(), login.account(), now()
    return render_template(
        "account.html",
        account=owner,
        keys=services.join_keys.list_for(owner.id, moment),
        hosts=services.hosts.list_for(owner.id, moment),
        tokens=services.tokens.list_for(owner.id, moment),
        scopes=SCOPES,
        secret=secret,
        token=token,
        problems=problems or [],
        form=request.form,
        max_uses=MAX_USES,
        max_hours=MAX_HOURS,
        server=(services.settings.public_url or request.url_root).rstrip("/"),
        now=moment,
    )


def _log_in_again(name: str, problem: str) -> str:
    return render_template("log_in.html", name=name, problem=problem, wanted=_wanted())


def _wanted() -> str:
    return login.safe_target(request.values.get("next", ""))


def _whole(field: str, most: int, problems: list[Problem]) -> int:
    text = request.form.get(field, "").strip()
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most:
        return int(text)
    problems.append(Problem(field, f"Give a whole number from 1 to {most:,}."))
    return 1
