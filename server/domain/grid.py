"""The grid as a whole: its live numbers, and what its own downtime does to leases."""

import datetime as dt

from server.rules.states import ProjectState
from server.rules.status import ONLINE_SECONDS
from server.rules.views import GridView
from server.storage.stores import Stores

_ALIVE = "scheduler_alive_at"
_PERIOD = dt.timedelta(seconds=1)
_SHORT = 2 * _PERIOD


class Grid:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def view(self, now: dt.datetime) -> GridView:
        rounds, mini_batches = self._stores.rounds.totals()
        return GridView(
            hosts_online=len(self._stores.hosts.awake(now - dt.timedelta(seconds=ONLINE_SECONDS))),
            projects_running=self._stores.projects.count_in_state(ProjectState.running),
            rounds_closed=rounds,
            mini_batches_done=mini_batches,
        )


class Downtime:
    """Knows when the server was last alive; after a gap every lease is extended by it: nobody is late because of us."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def run_pass(self, now: dt.datetime) -> int:
        """Note that the server is alive; how many leases were extended."""
        last = self._stores.facts.get(_ALIVE)
        gap = now - dt.datetime.fromtimestamp(float(last), dt.UTC) if last else dt.timedelta()
        with self._stores.database.write():
            # Not by the period between two passes: else passes that are always slow would put every lease off for ever.
            extended = self._stores.work.extend_leases(gap - _PERIOD) if gap > _SHORT else 0
            self._stores.facts.set(_ALIVE, str(now.timestamp()))
        return extended
