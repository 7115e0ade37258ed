"""Who is asking: flask-login's set-up, and the one way in which the other pages learn the account."""

from urllib.parse import urlsplit

import flask_login
from flask import Blueprint, Flask, abort, flash, redirect, request, session, url_for
from werkzeug.wrappers import Response

from server.rules.views import Account
from server.web.services import here

_KEY = "key"


class Visitor(flask_login.UserMixin):  # type: ignore[misc]
    """An account as flask-login wants it."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_id(self) -> str:
        return str(self.account.id)


def install(app: Flask) -> None:
    manager = flask_login.LoginManager(app)
    manager.user_loader(_load)
    manager.unauthorized_handler(ask_to_log_in)


def is_logged_in() -> bool:
    return bool(flask_login.current_user.is_authenticated)


def account() -> Account:
    """The account of the person asking; only behind `members_only`."""
    return flask_login.current_user.account  # type: ignore[no-any-return]


def members_only(blueprint: Blueprint) -> None:
    """Send everybody who is not logged in to the log-in page, whatever page of the blueprint they want."""
    blueprint.before_request(lambda: None if is_logged_in() else ask_to_log_in())


def enter(account: Account) -> None:
    """Log in, with a fresh session: nothing that was set before the log-in survives it."""
    session.clear()
    session.permanent = True
    session[_KEY] = here().accounts.session_key(account.id)
    flask_login.login_user(Visitor(account))


def leave() -> None:
    flask_login.logout_user()
    session.clear()


def ask_to_log_in() -> Response:
    """To the log-in page, and back from there; polling programs get a plain 401."""
    if request.path.endswith(".json"):
        abort(401)
    flash("Please log in first.")
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("accounts.log_in", next=wanted))


def safe_target(target: str) -> str:
    """A path of this very site, or "": a link from outside must not send people elsewhere after log-in."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return ""
    parts = urlsplit(target)
    return "" if parts.scheme or parts.netloc else target


def _load(account_id: str) -> Visitor | None:
    if not account_id.isascii() or not account_id.isdigit():
        return None
    # A session holds the key that its account had: with a new password it is another's, and the session has ended.
    found = here().accounts.of_session(int(account_id), str(session.get(_KEY, "")))
    return Visitor(found) if found else None
