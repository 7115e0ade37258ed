"""Whether this process leads. One scheduler of a grid is at work; the others stand by."""

import datetime as dt
import logging
import threading

from server.errors import LeadershipLost
from server.storage.stores import Stores

_LOG = logging.getLogger(__name__)
_DUTY = "scheduler"


class Leader:
    def __init__(self, stores: Stores, holder: str) -> None:
        """`holder` is this process's own name: no other may have it."""
        self._stores = stores
        self._holder = holder
        self._token: int | None = None
        self._lock = threading.Lock()

    def run_pass(self, now: dt.datetime) -> int:
        """Take or renew the lease; 1 when this process has just begun to lead."""
        with self._lock:
            with self._stores.database.write():
                token = self._stores.leadership.take(_DUTY, self._holder, now)
            # Not before it is committed: on a full disk nobody has begun to lead.
            before, self._token = self._token, token
        if token is not None and token != before:
            _LOG.info("this scheduler leads now (token %d)", token)
            return 1
        if token is None and before is not None:
            _LOG.warning("another scheduler has taken over")
        return 0

    @property
    def leads(self) -> bool:
        return self._token is not None

    def guard(self) -> None:
        """Inside a transaction: raises LeadershipLost when another has led since."""
        if self._token is None:
            raise LeadershipLost()
        self._stores.leadership.require(_DUTY, self._token)

    def step_down(self, now: dt.datetime) -> None:
        """Let the next one begin at once."""
        with self._lock, self._stores.database.write():
            self._stores.leadership.give_up(_DUTY, self._holder, now)
            self._token = None
