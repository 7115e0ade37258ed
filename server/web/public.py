"""What everybody may see of the grid's work: leaderboards, teams and the status page. From caches."""

import msgspec
from flask import Blueprint, Response, render_template

from server.rules.grid_views import AnonymousProject, StatusView
from server.web import api_credit, login
from server.web import teams as team_pages
from server.web.caching import BriefCache, encoded, polled
from server.web.services import here, now
from volunteer.protocol.credit_messages import HostLeaderboard, TeamLeaderboard
from volunteer.protocol.requestor_messages import Leaderboard

blueprint = Blueprint("public", __name__)
_status = BriefCache(keep=2.0)


@blueprint.get("/leaderboard")
def leaderboard() -> str:
    """Counted once a minute, however many look: it goes through all results."""
    return _board("volunteers", msgspec.json.decode(api_credit.volunteers()[0], type=Leaderboard))


@blueprint.get("/leaderboard/machines")
def machines() -> str:
    return _board("machines", msgspec.json.decode(api_credit.hosts()[0], type=HostLeaderboard))


@blueprint.get("/leaderboard/teams")
def teams() -> str:
    return _board("teams", msgspec.json.decode(api_credit.teams()[0], type=TeamLeaderboard))


@blueprint.get("/teams/<int:team_id>")
def team(team_id: int) -> str:
    return team_pages.page(team_id)


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


def _board(by: str, board: Leaderboard | HostLeaderboard | TeamLeaderboard) -> str:
    mine, team = "", None
    if login.is_logged_in():
        mine, team = login.account().name, here().people.teams.of(login.account().id)
    return render_template("leaderboard.html", by=by, board=board, mine=mine, my_team=team[0].id if team else 0)


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
