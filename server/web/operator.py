"""The operator's pages. For everybody else there is nothing here, as the domain says."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.errors import NotAllowedNow, NotFound
from server.web import login
from server.web.services import here, now

blueprint = Blueprint("operator", __name__, url_prefix="/operator")
PAGES = {
    "overview": "Overview", "accounts": "Accounts", "hosts": "Machines", "projects": "Projects",
    "letters": "Letters", "settings": "Settings",
}  # fmt: skip


@blueprint.before_request
def _operators_only() -> None:
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


@blueprint.get("/hosts")
def hosts() -> str:
    return _page("hosts")


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


@blueprint.post("/letters/<int:letter_id>/retry")
def retry_letter(letter_id: int) -> ResponseReturnValue:
    operating = here().people.operating
    return _done(lambda: operating.retry_letter(login.account().id, letter_id, now()), "It is tried now.", "letters")


def _done(act: Callable[[], None], sentence: str, page: str) -> ResponseReturnValue:
    try:
        act()
    except NotAllowedNow as error:
        flash(error.sentence)
    else:
        flash(sentence)
    return redirect(url_for(f"operator.{page}", search=request.form.get("search") or None))


def _page(page: str) -> str:
    view = here().people.operating.overview(login.account().id, now())
    return render_template(f"operator/{page}.html", view=view, now=now(), pages=PAGES, page=page)
