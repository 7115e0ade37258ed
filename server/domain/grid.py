"""The grid as a whole: its live numbers, its signs of life, and what its own downtime does to leases."""

import datetime as dt

from server.rules.states import ProjectState
from server.rules.status import ONLINE_SECONDS
from server.rules.views import GridView
from server.storage.stores import Stores

_ALIVE = "scheduler_alive_at"
_WEB_ALIVE = "web_alive_at"
_MADE_GOOD = "absence_made_good_until"
_PERIOD = dt.timedelta(seconds=1)
_SHORT = 2 * _PERIOD
_WEB_SHORT = dt.timedelta(seconds=4)
"""A host may be silent for 5 s; this is noticed in time for it."""

NOTE_EVERY_SECONDS = 2.0
"""So often the web process notes that it is there."""


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


    def check(self) -> None:
        """Returns when the database answers; raises what it raises."""
        self._stores.database.rows("SELECT 1")

    def note_web(self, now: dt.datetime) -> None:
        """The web process is there: hosts can show life."""
        with self._stores.database.write():
            self._stores.facts.set(_WEB_ALIVE, str(now.timestamp()))

    def scheduler_alive_at(self) -> dt.datetime | None:
        return _instant(self._stores, _ALIVE)


class Downtime:
    """Extends every lease by the server's own absence, of web or scheduler or both: nobody is late because of us."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def run_pass(self, now: dt.datetime) -> int:
        """Note that the scheduler is alive; how many leases were extended."""
        since = self._absent_since(now)
        with self._stores.database.write():
            extended = 0
            if since is not None and now - since >= _PERIOD:
                extended = self._stores.work.extend_leases(now - since)
                self._stores.facts.set(_MADE_GOOD, str(now.timestamp()))
            self._stores.facts.set(_ALIVE, str(now.timestamp()))
        return extended

    def _absent_since(self, now: dt.datetime) -> dt.datetime | None:
        """Since when something was missing that is not made good yet. A web process that is still away counts too."""
        last, web = (_instant(self._stores, name) for name in (_ALIVE, _WEB_ALIVE))
        starts = []
        if last is not None and now - last > _SHORT:
            # Not by the period between two passes: else passes that are always slow would put every lease off for ever.
            starts.append(last + _PERIOD)
        if web is not None and now - web > _WEB_SHORT:
            starts.append(web)
        made_good = _instant(self._stores, _MADE_GOOD)
        if not starts or made_good is None:
            return min(starts, default=None)
        return max(min(starts), made_good)


def _instant(stores: Stores, name: str) -> dt.datetime | None:
    text = stores.facts.get(name)
    return dt.datetime.fromtimestamp(float(text), dt.UTC) if text else None
