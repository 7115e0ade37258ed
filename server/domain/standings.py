"""Who gave how much: the leaderboards. Names are shown of those only who want to be listed."""

import datetime as dt
from collections.abc import Mapping, Sequence

from server.rules.credit import in_credits
from server.storage.credit_boards import Earner, EarningHost, EarningTeam
from server.storage.stores import Stores
from volunteer.protocol.credit_messages import (
    HostLeaderboard,
    HostStanding,
    HostStandings,
    TeamLeaderboard,
    TeamStanding,
)
from volunteer.protocol.requestor_messages import Leaderboard, Standing, Standings

_MOST = 100
_DAY = dt.timedelta(days=1)
_LATELY = dt.timedelta(days=7)
_Work = Mapping[int, tuple[int, float]]
"""Account -> mini-batches and seconds of valid work."""


class Leaderboards:
    """Each of the last 24 hours, of the last seven days and of all time. What was earned for projects that are deleted
    counts as well."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def view(self, now: dt.datetime) -> Leaderboard:
        """Of volunteers."""
        with self._stores.database.read():
            return Leaderboard(
                lately=self._volunteers(now - _LATELY), ever=self._volunteers(None), day=self._volunteers(now - _DAY)
            )

    def hosts(self, now: dt.datetime) -> HostLeaderboard:
        boards = self._stores.boards
        with self._stores.database.read():
            return HostLeaderboard(
                day=_hosts(boards.hosts(now - _DAY)), lately=_hosts(boards.hosts(now - _LATELY)),
                ever=_hosts(boards.hosts()),
            )  # fmt: skip

    def teams(self, now: dt.datetime) -> TeamLeaderboard:
        boards = self._stores.boards
        with self._stores.database.read():
            return TeamLeaderboard(
                day=_teams(boards.teams(now - _DAY)), lately=_teams(boards.teams(now - _LATELY)),
                ever=_teams(boards.teams()),
            )  # fmt: skip

    def _volunteers(self, since: dt.datetime | None) -> Standings:
        given = self._stores.overview.given(since)
        return _volunteers(
            self._stores.boards.volunteers(since), {one.account_id: (one.mini_batches, one.seconds) for one in given}
        )


def _volunteers(earners: Sequence[Earner], work: _Work) -> Standings:
    """Those without a name have no place of their own: their sum stands below."""
    listed = [one for one in earners if one.is_listed]
    hidden = [one for one in earners if not one.is_listed] + listed[_MOST:]
    nothing = (0, 0.0)
    return Standings(
        rows=[
            Standing(n, one.name, *work.get(one.id, nothing), credit=in_credits(one.credit))
            for n, one in enumerate(listed[:_MOST], 1)
        ],
        others=len(hidden), other_mini_batches=sum(work.get(one.id, nothing)[0] for one in hidden),
        other_seconds=sum(work.get(one.id, nothing)[1] for one in hidden),
        other_credit=in_credits(sum(one.credit for one in hidden)),
    )  # fmt: skip


def _hosts(earners: Sequence[EarningHost]) -> HostStandings:
    listed = [one for one in earners if one.is_listed]
    hidden = [one for one in earners if not one.is_listed] + listed[_MOST:]
    return HostStandings(
        rows=[
            HostStanding(n, one.id, one.owner, _kind(one), one.processor, one.threads, in_credits(one.credit))
            for n, one in enumerate(listed[:_MOST], 1)
        ],
        others=len(hidden), other_credit=in_credits(sum(one.credit for one in hidden)),
    )  # fmt: skip


def _kind(host: EarningHost) -> str:
    """Without its version: which holes a named person's machine has is nobody's business."""
    return host.system.partition(" ")[0]


def _teams(earners: Sequence[EarningTeam]) -> list[TeamStanding]:
    return [
        TeamStanding(n, one.id, one.name, one.members, in_credits(one.credit))
        for n, one in enumerate(earners[:_MOST], 1)
    ]
