"""The page of the device flow: whoever is logged in types the code that a machine shows, looks, and confirms or not."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.errors import NotFound, TooManyTries
from server.rules.user_codes import folded, is_code, shown
from server.web import login
from server.web.services import here, now

blueprint = Blueprint("linking", __name__)
login.members_only(blueprint)


@blueprint.get("/device")
def show() -> ResponseReturnValue:
    """Without a code: a field for one. With one: what waits there, and two buttons. Nothing is decided by a link."""
    code = request.args.get("code", "").strip()
    if not code:
        return _page()
    try:
        waiting = here().devices.look(login.account().id, code, now())
    except NotFound as error:
        return _page(code, problem=error.sentence), 404
    return _page(code, waiting=waiting)


@blueprint.post("/device/confirm")
def confirm() -> ResponseReturnValue:
    try:
        machine = here().devices.approve(login.account().id, _code(), now())
    except NotFound as error:
        return _page(_code(), problem=error.sentence), 404
    except TooManyTries as error:
        return _page(_code(), problem=error.sentence), 429
    flash(f"“{machine.name}” is linked. It comes up here as soon as it asks, within a few seconds.")
    return redirect(url_for("computers.show"))


@blueprint.post("/device/deny")
def deny() -> ResponseReturnValue:
    try:
        machine = here().devices.deny(login.account().id, _code(), now())
    except NotFound as error:
        return _page(_code(), problem=error.sentence), 404
    flash(f"“{machine.name}” was not linked, and its code is worth nothing any more.")
    return redirect(url_for("computers.show"))


def _code() -> str:
    return request.form.get("code", "").strip()


def _page(code: str = "", **more: object) -> str:
    text = folded(code)
    return render_template("device.html", code=shown(text) if is_code(text) else code[:20], now=now(), **more)
