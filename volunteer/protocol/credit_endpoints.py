"""The endpoints about credit, as data: leaderboards of machines and of teams, and the teams themselves."""

from typing import Any

import msgspec

from volunteer.protocol import credit_messages as m
from volunteer.protocol.refusals import RefusalCode
from volunteer.protocol.requestor_endpoints import RequestorEndpoint

_C = RefusalCode
_BODY = (_C.malformed_request, _C.too_slow, _C.not_acceptable)
_ONE = (_C.no_such_thing,)


def _public(name: str, path: str, summary: str, gives: type[msgspec.Struct], **more: Any) -> RequestorEndpoint:
    more = {"group": "Grid", **more}
    refusals = more.pop("refusals", ())
    return RequestorEndpoint(
        name, "GET", path, summary, None, (gives,), refusals, needs_token=False, scope="", polled=True, **more
    )


def _of_member(
    name: str, line: str, summary: str, refusals: tuple[RefusalCode, ...], takes: type[msgspec.Struct] | None = None,
    **more: Any,
) -> RequestorEndpoint:  # fmt: skip
    method, path = line.split(" ")
    return RequestorEndpoint(
        name, method, path, summary, takes, (m.TeamInfo,), refusals, group="Teams", scope="account", **more
    )


CREDIT_ENDPOINTS = (
    _public("host_leaderboard", "/leaderboard/hosts", "Which machines have earned how much.", m.HostLeaderboard),
    _public("team_leaderboard", "/leaderboard/teams", "Which teams have earned how much.", m.TeamLeaderboard),
    _public("team", "/teams/{team}", "A team, with those of its members who want to be listed.", m.TeamInfo,
            group="Teams", refusals=_ONE),
    _of_member("create_team", "POST /teams", "Make a team, and be its first member.", (*_BODY, _C.not_now),
               m.NewTeam, success=201),
    _of_member("change_team", "PATCH /teams/{team}", "Give a team that you made another name or description.",
               (*_BODY, *_ONE), m.TeamChange),
    _of_member("join_team", "POST /teams/{team}/join", "Count your credit with this team from now on; you leave the "
               "one that you are in.", (*_ONE, _C.not_now)),
    RequestorEndpoint(
        "team_seats", "GET", "/teams/{team}/members", "Who is in a team that you made, by number.", None,
        (m.TeamSeats,), _ONE, group="Teams", scope="account",
    ),
    _of_member("remove_member", "DELETE /teams/{team}/members/{member}", "Take somebody out of a team that you made; "
               "what was earned in it stays there.", (*_ONE, _C.not_now)),
    RequestorEndpoint(
        "leave_team", "POST", "/account/team/leave", "Count with no team any more; what you earned in it stays there.",
        None, (), (), group="Teams", scope="account", success=204,
    ),
)  # fmt: skip
