"""What hosts have given a project so far, in seconds and bytes, without adding up all of its results for every look."""

import datetime as dt
import threading
from dataclasses import dataclass

from server.rules.given import Given
from server.storage.stores import Stores

_SETTLED_AFTER = dt.timedelta(minutes=2)
_ADD_UP_EVERY = dt.timedelta(minutes=5)
_MOST_PROJECTS = 1000


@dataclass(frozen=True)
class _Settled:
    until: dt.datetime
    given: Given


class Totals:
    """The sums of what ended some minutes ago are kept; a late report that moves between old and new is off until the
    next time that all is added up."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._settled: dict[int, _Settled] = {}
        self._lock = threading.Lock()

    def of(self, project_id: int, now: dt.datetime) -> Given:
        with self._lock:
            settled = self._settled.get(project_id)
        if settled is None or not now - _ADD_UP_EVERY <= settled.until <= now:
            until = now - _SETTLED_AFTER
            settled = _Settled(until, self._stores.work.given_until(project_id, until))
            with self._lock:
                if len(self._settled) >= _MOST_PROJECTS:
                    self._settled.clear()
                self._settled[project_id] = settled
        return settled.given + self._stores.work.given_since(project_id, settled.until, now)
