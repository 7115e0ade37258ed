"""The operator's pages of machines: their records, quarantine, appeals, referees, audits."""

from collections.abc import Callable
from typing import cast, get_args

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.domain.host_records import HOSTS_A_PAGE
from server.errors import NotAcceptable, NotAllowedNow
from server.web import login
from server.web.operator import PAGES, operators_only
from server.web.services import here, now
from volunteer.protocol.operator_messages import Which

blueprint = Blueprint("operator_hosts", __name__, url_prefix="/operator")
blueprint.before_request(operators_only)
_DIGITS = 4
TABS = {
    "all": "All", "doubted": "Most doubted", "quarantined": "In quarantine", "appealed": "Appeals",
    "referees": "Referees",
}  # fmt: skip


@blueprint.get("/hosts")
def hosts() -> str:
    asked, search = request.args.get("which", "all"), request.args.get("search", "").strip()[:100]
    which = cast(Which, asked if asked in get_args(Which) else "all")
    text = request.args.get("page", "1")
    number = max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 1
    found = here().people.records.hosts(login.account().id, which, search, now(), number)
    return render_template(
        "operator/hosts.html", hosts=found, which=which, search=search, tabs=TABS, number=number,
        may_be_more=len(found) == HOSTS_A_PAGE, now=now(), pages=PAGES, page="hosts",
    )  # fmt: skip


@blueprint.get("/hosts/<int:host_id>")
def host(host_id: int) -> str:
    record = here().people.records.record(login.account().id, host_id, now())
    return render_template("operator/host.html", record=record, host=record.host, now=now(), pages=PAGES, page="hosts")


@blueprint.get("/audits")
def audits() -> str:
    found = here().people.records.audits(login.account().id, now())
    return render_template("operator/audits.html", audits=found, now=now(), pages=PAGES, page="audits")


@blueprint.post("/hosts/<int:host_id>/quarantine", defaults={"verb": "quarantine"})
@blueprint.post("/hosts/<int:host_id>/release", defaults={"verb": "release"})
@blueprint.post("/hosts/<int:host_id>/refuse-appeal", defaults={"verb": "refuse-appeal"})
def answer(host_id: int, verb: str) -> ResponseReturnValue:
    """What needs a reason, for the machine's owner to read."""
    records = here().people.records
    acts = {
        "quarantine": (records.quarantine, "The machine is in quarantine, and its owner is told."),
        "release": (records.release, "The machine gets work again, and its owner is told."),
        "refuse-appeal": (records.refuse_appeal, "The machine stays in quarantine, and its owner reads your answer."),
    }
    act, sentence = acts[verb]
    reason = request.form.get("reason", "")
    return _done(lambda: act(login.account().id, host_id, reason, now()), sentence, host_id)


@blueprint.post("/hosts/<int:host_id>/appoint-referee", defaults={"verb": "appoint"})
@blueprint.post("/hosts/<int:host_id>/dismiss-referee", defaults={"verb": "dismiss"})
def referee(host_id: int, verb: str) -> ResponseReturnValue:
    records = here().people.records
    acts = {
        "appoint": (records.appoint_referee, "The machine's opinion outranks all others' from now on."),
        "dismiss": (records.dismiss_referee, "The machine's opinion counts as others' do."),
    }
    act, sentence = acts[verb]
    return _done(lambda: act(login.account().id, host_id, now()), sentence, host_id)


def _done(act: Callable[[], None], sentence: str, host_id: int) -> ResponseReturnValue:
    try:
        act()
    except (NotAllowedNow, NotAcceptable) as error:
        flash(error.sentence)
    else:
        flash(sentence)
    return redirect(url_for("operator_hosts.host", host_id=host_id))
