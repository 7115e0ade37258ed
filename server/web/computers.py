"""My computers: the machines that a volunteer lends, and the join keys by which more of them join."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.domain.hosts import MOST_LETTERS
from server.domain.join_keys import MAX_HOURS, MAX_USES
from server.errors import NotAcceptable
from server.rules.join_files import JOIN_FILE, means_every_machine_itself
from server.rules.problems import Problem
from server.web import joining, login
from server.web.services import here, now

blueprint = Blueprint("computers", __name__)
login.members_only(blueprint)


@blueprint.get("/computers")
def show() -> ResponseReturnValue:
    return _page()


@blueprint.post("/computers/join-keys")
def create_join_key() -> ResponseReturnValue:
    """Shows the secret in this one answer; it is kept nowhere, in no cookie and no history."""
    made = _made()
    if not isinstance(made, str):
        return _page(problems=made), 400
    response = make_response(_page(secret=made))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/computers/join-file")
def create_join_file() -> ResponseReturnValue:
    """A new key in a file, for machines that nobody sits at. The file is this one answer: no address gives it again."""
    made = _made()
    if not isinstance(made, str):
        return _page(problems=made), 400
    return joining.sent(made)


@blueprint.post("/computers/join-keys/<int:key_id>/revoke")
def revoke_join_key(key_id: int) -> ResponseReturnValue:
    here().join_keys.revoke(login.account().id, key_id, now())
    flash("The join key is revoked. Machines that joined with it stay.")
    return redirect(url_for("computers.show"))


@blueprint.post("/computers/<int:host_id>/rename")
def rename(host_id: int) -> ResponseReturnValue:
    # The page has such a field for each machine, and each needs a name of its own.
    field = f"name-{host_id}"
    try:
        host = here().hosts.rename(login.account().id, host_id, request.form.get(field, ""), now())
    except NotAcceptable as error:
        return _page(problems=[Problem(field, error.sentence)]), 400
    flash(f"The machine is called “{host.name}” from now on.")
    return redirect(url_for("computers.show"))


@blueprint.post("/computers/<int:host_id>/detach")
def detach(host_id: int) -> ResponseReturnValue:
    here().hosts.detach(login.account().id, host_id, now())
    flash("The machine is detached: its token is worth nothing any more. What it has computed stays.")
    return redirect(url_for("computers.show"))


@blueprint.post("/computers/<int:host_id>/appeal")
def appeal(host_id: int) -> ResponseReturnValue:
    field = f"appeal-{host_id}"
    try:
        here().people.appeals.appeal(login.account().id, host_id, request.form.get(field, ""), now())
    except NotAcceptable as error:
        return _page(problems=[Problem(field, error.sentence)]), 400
    flash("The operator of the grid is told. The answer will stand here.")
    return redirect(url_for("computers.show"))


def _made() -> str | list[Problem]:
    """The secret of a new join key as the form wants it, or what is wrong with the form."""
    form = request.form
    problems: list[Problem] = []
    label = form.get("label", "").strip()[:100] or "my machines"
    uses = _whole("uses", MAX_USES, problems)
    hours = _whole("hours", MAX_HOURS, problems)
    if problems:
        return problems
    try:
        return here().join_keys.create(login.account().id, label, uses, hours, now())
    except NotAcceptable as error:
        return [Problem(error.field, error.sentence)]


def _page(secret: str = "", problems: list[Problem] | None = None) -> str:
    services, owner, moment = here(), login.account(), now()
    return render_template(
        "computers.html",
        keys=services.join_keys.list_for(owner.id, moment),
        hosts=services.hosts.list_for(owner.id, moment),
        secret=secret,
        problems=problems or [],
        form=request.form,
        max_uses=MAX_USES,
        max_hours=MAX_HOURS,
        max_letters=MOST_LETTERS,
        join_file=JOIN_FILE,
        pinned=bool(services.fingerprint),
        only_here=means_every_machine_itself(services.address(request.url_root)),
        server=services.address(request.url_root),
        trust_after=services.settings.trust_after,
        now=moment,
    )


def _whole(field: str, most: int, problems: list[Problem]) -> int:
    text = request.form.get(field, "").strip()
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most:
        return int(text)
    problems.append(Problem(field, f"Give a whole number from 1 to {most:,}."))
    return 1
