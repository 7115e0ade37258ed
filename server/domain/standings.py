"""Who gave how much: the leaderboard. Names are shown of those only who want to be listed."""

import datetime as dt
from collections.abc import Sequence

from server.storage.overview import Given
from server.storage.stores import Stores
from volunteer.protocol.requestor_messages import Leaderboard, Standing, Standings

_MOST = 100
_LATELY = dt.timedelta(days=7)


class Leaderboards:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def view(self, now: dt.datetime) -> Leaderboard:
        """Of the last seven days and of all time. Deleted projects count as well."""
        with self._stores.database.read():
            return Leaderboard(
                lately=_standings(self._stores.overview.given(now - _LATELY)),
                ever=_standings(self._stores.overview.given()),
            )


def _standings(given: Sequence[Given]) -> Standings:
    """Those without a name have no place of their own: their sum stands below."""
    listed = [one for one in given if one.is_listed]
    hidden = [one for one in given if not one.is_listed] + listed[_MOST:]
    rows = [Standing(n, one.name, one.mini_batches, one.seconds) for n, one in enumerate(listed[:_MOST], 1)]
    return Standings(
        rows=rows, others=len(hidden), other_mini_batches=sum(one.mini_batches for one in hidden),
        other_seconds=sum(one.seconds for one in hidden),
    )  # fmt: skip
