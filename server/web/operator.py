"""The operator's pages. For everybody else there is nothing here, as the domain says."""

from collections.abc import Callable

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.errors import NotAcceptable, NotAllowedNow, NotFound
from server.rules.problems import Problem
from server.web import login
from server.web.accounts import sign_up_address
from server.web.services import here, now

blueprint = Blueprint("operator", __name__, url_prefix="/operator")
PAGES = {
    "overview": "Overview", "accounts": "Accounts", "hosts": "Machines", "audits": "Audits", "projects": "Projects",
    "invitations": "Invitations", "letters": "Letters", "actions": "Log", "settings": "Settings",
}  # fmt: skip


@blueprint.before_request
def operators_only() -> None:
    """The same answer to strangers and to visitors, as if there were no such page."""
    if not login.is_logged_in() or not login.account().is_operator:
        raise NotFound


@blueprint.get("")
def overview() -> str:
    return _page("overview")


@blueprint.get("/accounts")
def accounts() -> str:
    search = request.args.get("search", "").strip()[:100]
    found = here().people.operating.accounts(login.account().id, search, now())
    return render_template(
        "operator/accounts.html", accounts=found, search=search, me=login.account(), now=now(), pages=PAGES,
        page="accounts",
    )  # fmt: skip


@blueprint.get("/actions")
def actions() -> str:
    before = request.args.get("before", "")
    known = int(before[:16]) if before.isascii() and before.isdigit() else None
    found = here().people.log.newest(login.account().id, known)
    return render_template("operator/actions.html", actions=found, known=known, now=now(), pages=PAGES, page="actions")


@blueprint.get("/projects")
def projects() -> str:
    return _page("projects")


@blueprint.get("/letters")
def letters() -> str:
    return _page("letters")


@blueprint.get("/settings")
def settings() -> str:
    return _page("settings")


@blueprint.post("/accounts/<int:account_id>/block", defaults={"verb": "block"})
@blueprint.post("/accounts/<int:account_id>/unblock", defaults={"verb": "unblock"})
@blueprint.post("/accounts/<int:account_id>/appoint", defaults={"verb": "appoint"})
@blueprint.post("/accounts/<int:account_id>/dismiss", defaults={"verb": "dismiss"})
def change_account(account_id: int, verb: str) -> ResponseReturnValue:
    operating = here().people.operating
    acts = {
        "block": (operating.block, "The account is blocked, and its projects are paused."),
        "unblock": (operating.unblock, "The account is open again."),
        "appoint": (operating.appoint, "The account is an operator's now."),
        "dismiss": (operating.dismiss, "The account is no operator's any more."),
    }
    act, sentence = acts[verb]
    return _done(lambda: act(login.account().id, account_id, now()), sentence, "accounts")


@blueprint.post("/projects/<int:project_id>/cancel")
def cancel_project(project_id: int) -> ResponseReturnValue:
    operating = here().people.operating
    return _done(
        lambda: operating.cancel_project(login.account().id, project_id, now()), "Cancelled.", "projects"
    )


@blueprint.post("/projects/<int:project_id>/approve")
def approve_project(project_id: int) -> ResponseReturnValue:
    approvals = here().people.approvals
    return _done(lambda: approvals.approve(login.account().id, project_id, now()), "It begins.", "projects")


@blueprint.post("/projects/<int:project_id>/refuse")
def refuse_project(project_id: int) -> ResponseReturnValue:
    approvals = here().people.approvals
    return _done(
        lambda: approvals.refuse(login.account().id, project_id, request.form.get("reason", ""), now()),
        "Its owner is told.", "projects",
    )  # fmt: skip


@blueprint.get("/invitations")
def invitations() -> str:
    return _invitations()


@blueprint.post("/invitations")
def create_invitation() -> ResponseReturnValue:
    """Shows the code in this one answer; it is kept nowhere."""
    form, problems = request.form, []
    counts = {"uses": 1, "days": 1}
    for field in counts:
        text = form.get(field, "").strip()
        if not (text.isascii() and text.isdigit()):
            problems.append(Problem(field, "Give a whole number."))
        else:
            counts[field] = int(text[:9])
    if problems:
        return _invitations(problems=problems), 400
    try:
        code = here().people.invitations.create(login.account().id, form.get("label", ""), **counts, now=now())
    except NotAcceptable as error:
        return _invitations(problems=[Problem(error.field, error.sentence)]), 400
    response = make_response(_invitations(code=code))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/invitations/<int:invitation_id>/revoke")
def revoke_invitation(invitation_id: int) -> ResponseReturnValue:
    revoke = here().people.invitations.revoke
    return _done(lambda: revoke(login.account().id, invitation_id, now()), "It is revoked.", "invitations")


@blueprint.post("/letters/<int:letter_id>/retry")
def retry_letter(letter_id: int) -> ResponseReturnValue:
    operating = here().people.operating
    return _done(lambda: operating.retry_letter(login.account().id, letter_id, now()), "It is tried now.", "letters")


def _done(act: Callable[[], None], sentence: str, page: str) -> ResponseReturnValue:
    try:
        act()
    except (NotAllowedNow, NotAcceptable) as error:
        flash(error.sentence)
    else:
        flash(sentence)
    return redirect(url_for(f"operator.{page}", search=request.form.get("search") or None))


def _invitations(code: str = "", problems: list[Problem] | None = None) -> str:
    found = here().people.invitations.list_for(login.account().id, now())
    return render_template(
        "operator/invitations.html", invitations=found, code=code, address=sign_up_address(code) if code else "",
        problems=problems or [], form=request.form, needed=here().accounts.needs_invitation(), now=now(), pages=PAGES,
        page="invitations",
    )  # fmt: skip


def _page(page: str) -> str:
    view = here().people.operating.overview(login.account().id, now())
    return render_template(f"operator/{page}.html", view=view, now=now(), pages=PAGES, page=page)
