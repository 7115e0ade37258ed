"""The requestor's API: leaderboards and teams."""

from flask import Response

from server.rules.views import Account
from server.web.caching import BriefCache, encoded, polled
from server.web.services import here, now
from server.web.wire import answer, read_message
from volunteer.protocol import credit_messages as m

# Each goes through all that was earned in a week: built once a minute, however many look, pages and scripts alike.
boards = BriefCache(keep=60.0)


def leaderboard() -> Response:
    return polled(*volunteers())


def host_leaderboard() -> Response:
    return polled(*hosts())


def team_leaderboard() -> Response:
    return polled(*teams())


def volunteers() -> tuple[bytes, str]:
    services = here()
    return boards.get(("volunteers", id(services)), lambda: services.people.leaderboards.view(now()))


def hosts() -> tuple[bytes, str]:
    services = here()
    return boards.get(("hosts", id(services)), lambda: services.people.leaderboards.hosts(now()))


def teams() -> tuple[bytes, str]:
    services = here()
    return boards.get(("teams", id(services)), lambda: services.people.leaderboards.teams(now()))


def team(team: int) -> Response:
    return polled(*encoded(here().people.teams.view(team)))


def create_team(owner: Account) -> Response:
    said = read_message(m.NewTeam)
    return answer(here().people.teams.create(owner.id, said.name, said.description, now()), 201)


def change_team(owner: Account, team: int) -> Response:
    said = read_message(m.TeamChange)
    return answer(here().people.teams.change(owner.id, team, said.name, said.description, now(), said.closed))


def join_team(owner: Account, team: int) -> Response:
    return answer(here().people.teams.join(owner.id, team, now()))


def team_seats(owner: Account, team: int) -> Response:
    return answer(m.TeamSeats(here().people.teams.seats(owner.id, team)))


def remove_member(owner: Account, team: int, member: int) -> Response:
    return answer(here().people.teams.remove(owner.id, team, member, now()))


def leave_team(owner: Account) -> Response:
    here().people.teams.leave(owner.id, now())
    return Response(status=204)
