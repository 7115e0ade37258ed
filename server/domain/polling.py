"""How often one machine asks whether its code was confirmed. In memory: nothing is written while people think.

Another web process has a memory of its own; then a machine may ask a little more often than it should.
"""

import datetime as dt
import threading
from collections import OrderedDict

INTERVAL = 5.0
"""Seconds between two questions of one machine; each that comes too early adds as much (RFC 8628, section 3.5)."""

_LONGEST_INTERVAL = 60.0
_SLACK = 0.5
_MOST = 20_000


class Polling:
    """For several threads at once."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, tuple[dt.datetime, float]] = OrderedDict()
        self._lock = threading.Lock()

    def is_early(self, who: str, now: dt.datetime) -> bool:
        """Whether `who` asks before its interval is over; counts as a question either way."""
        with self._lock:
            before, interval = self._asked.pop(who, (None, INTERVAL))
            early = before is not None and (now - before).total_seconds() < interval - _SLACK
            if early:
                interval = min(interval + INTERVAL, _LONGEST_INTERVAL)
            self._asked[who] = (now, interval)
            while len(self._asked) > _MOST:
                self._asked.popitem(last=False)
        return early
