"""Signs of life for one lease, from a thread of their own; pulls the reins when the server wants no more."""

import logging
import threading
from types import TracebackType

from volunteer.agent.patience import Patience
from volunteer.agent.ports import Grid
from volunteer.errors import DropResult, RetryLater, StopAndTell, printable
from volunteer.protocol.messages import Lease
from volunteer.trainer.reins import Reins, Wish

LEAST_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Heartbeats:
    """Beats while the context lasts. `done` is what it tells; `fatal` is an error that the agent must raise."""

    def __init__(self, grid: Grid, lease: Lease, reins: Reins, patience: Patience) -> None:
        self._grid = grid
        self._lease = lease
        self._reins = reins
        self._patience = patience
        reins.deadline_in(lease.deadline_seconds)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
        self.done = 0
        self.delivering = False
        self.fatal: StopAndTell | None = None

    def beat(self) -> None:
        """One sign of life. A server that does not answer is no reason to stop: it may be back in time."""
        try:
            reply = self._grid.heartbeat(self._lease.result, self.done)
        except RetryLater as error:
            _log.debug("no answer to a heartbeat: %s", error.sentence)
        except DropResult as error:
            self._end(error.sentence)
        except StopAndTell as error:
            self.fatal = error
            self._end(error.sentence)
        else:
            if reply.go_on:
                self._reins.deadline_in(reply.deadline_seconds)
            else:
                self._end(reply.reason or "not needed any more")

    def __enter__(self) -> "Heartbeats":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The thread is left to end by itself: it may be waiting for an answer that nobody needs.
        self._over.set()

    def _end(self, why: str) -> None:
        # While the upload is under way its own answer says it better.
        if not self._over.is_set() and not self.delivering:
            _log.info("round %d: stopped: %s", self._lease.round, printable(why))
            self._reins.ask(Wish.drop)

    def _run(self) -> None:
        period = max(self._lease.heartbeat_seconds, LEAST_SECONDS)
        while not self._patience.wait(self._over, period) and self._reins.wish is not Wish.drop:
            self.beat()
