"""What everybody may see of the grid's work: the leaderboard and the status page. From caches."""

import msgspec
from flask import Blueprint, Response, render_template

from server.rules.grid_views import AnonymousProject, StatusView
from server.web import login
from server.web.caching import BriefCache, encoded, polled
from server.web.services import here, now
from volunteer.protocol.requestor_messages import Leaderboard

blueprint = Blueprint("public", __name__)
_leaderboards = BriefCache(keep=60.0)
_status = BriefCache(keep=2.0)


@blueprint.get("/leaderboard")
def leaderboard() -> str:
    """Counted once a minute, however many look: it goes through all results."""
    services = here()
    body, _ = _leaderboards.get(id(services), lambda: services.people.leaderboards.view(now()))
    board = msgspec.json.decode(body, type=Leaderboard)
    mine = login.account().name if login.is_logged_in() else ""
    return render_template("leaderboard.html", board=board, mine=mine)


@blueprint.get("/status")
def status() -> str:
    body, _ = _numbers()
    view = msgspec.json.decode(body, type=StatusView)
    return render_template(
        "status.html", status=view.numbers, projects=view.projects, names=_own_names(view.projects), now=now()
    )


@blueprint.get("/status.json")
def status_numbers() -> Response:
    """The page's numbers, also for the API; of projects only how many there are."""
    body, _ = _numbers()
    view = msgspec.json.decode(body, type=StatusView)
    return polled(*encoded(view.numbers))


def _numbers() -> tuple[bytes, str]:
    services = here()
    return _status.get(id(services), lambda: services.people.status.view(now()))


def _own_names(projects: list[AnonymousProject]) -> dict[int, str]:
    """The asker's own projects may be named to the asker."""
    if not login.is_logged_in():
        return {}
    who = login.account().id
    own = {row.id for row in projects if row.owner_id == who}
    return {one.id: one.name for one in here().project_views.list_for(who, now()) if one.id in own} if own else {}
