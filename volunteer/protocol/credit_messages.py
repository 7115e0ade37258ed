"""The messages about credit: leaderboards of machines and of teams, and the teams themselves."""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

MOST_TEAM_LETTERS = 60
MOST_DESCRIPTION_LETTERS = 1000


class HostStanding(msgspec.Struct, frozen=True):
    """A machine by its number and kind; what its owner calls it is not shown."""

    place: int
    host: int
    owner: str
    system: str
    processor: str
    threads: int
    credit: float


class HostStandings(msgspec.Struct, frozen=True):
    """`others`: how many machines have earned as well and are not shown; with their sum."""

    rows: list[HostStanding]
    others: int
    other_credit: float


class HostLeaderboard(msgspec.Struct, frozen=True):
    """`day`: the last 24 hours; `lately`: the last seven days."""

    day: HostStandings
    lately: HostStandings
    ever: HostStandings


class TeamStanding(msgspec.Struct, frozen=True):
    """`members`: how many it has now; `credit`: what members have earned while they were."""

    place: int
    team: int
    name: str
    members: int
    credit: float


class TeamLeaderboard(msgspec.Struct, frozen=True):
    """`day`: the last 24 hours; `lately`: the last seven days."""

    day: list[TeamStanding]
    lately: list[TeamStanding]
    ever: list[TeamStanding]


class TeamMember(msgspec.Struct, frozen=True):
    """`credit`: all that the member has earned, before this team and in it."""

    name: str
    credit: float


class TeamInfo(msgspec.Struct, frozen=True):
    """`named`: the members who want to be listed, the most credit first; `founder` is "" for one who does not.

    `closed`: nobody new may join.
    """

    id: int
    name: str
    description: str
    founder: str
    created_at: dt.datetime
    credit: float
    members: int
    named: list[TeamMember]
    closed: bool = False


class TeamSeat(msgspec.Struct, frozen=True):
    """A member for the team's founder: by number, with a name only where the member wants to be listed."""

    member: int
    name: str
    credit: float


class TeamSeats(msgspec.Struct, frozen=True):
    seats: list[TeamSeat]


class NewTeam(msgspec.Struct, frozen=True):
    """Who makes it is its first member."""

    name: Annotated[str, Meta(max_length=MOST_TEAM_LETTERS)]
    description: Annotated[str, Meta(max_length=MOST_DESCRIPTION_LETTERS)] = ""


class TeamChange(msgspec.Struct, frozen=True):
    """What is not named stays. For its founder, and for operators."""

    name: Annotated[str, Meta(max_length=MOST_TEAM_LETTERS)] | None = None
    description: Annotated[str, Meta(max_length=MOST_DESCRIPTION_LETTERS)] | None = None
    closed: bool | None = None
