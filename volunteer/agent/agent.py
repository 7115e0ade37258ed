"""The loop of a host: ask for work, do it, ask again; wait when there is none, or no server."""

import logging
from collections.abc import Callable

from volunteer.agent.delivering import deliver_leftovers
from volunteer.agent.states import State
from volunteer.agent.tools import Tools
from volunteer.agent.unit import Ended, UnitWork, give_back
from volunteer.errors import RetryLater
from volunteer.protocol.messages import GiveBackReason, Lease, Machine, NoWork, WorkRequest
from volunteer.trainer.reins import Reins, Wish

# The server holds the question open this long when it has nothing; new work arrives at once.
LONG_POLL_SECONDS = 10.0
MAX_HELD = 20_000
# A trainer without work holds half a gigabyte for nothing.
TRAINER_IDLE_SECONDS = 300.0
# An empty answer that came quicker than this is followed by a rest, whatever the server says.
LEAST_CYCLE_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Agent:
    """`run` is the loop, in a thread of its own; `stop` and `abandon` may come from another."""

    def __init__(
        self,
        tools: Tools,
        machine: Machine,
        attach: Callable[[], bool],
        tell: Callable[[State], None] = lambda _state: None,
    ) -> None:
        """`attach` makes the grid know us; False means: stopped before that. `tell` hears of each state."""
        self._tools = tools
        self._machine = machine
        self._attach = attach
        self._observer = tell
        self._work = UnitWork(tools, self._tell)
        self._failures = tools.patience.backoff()
        self._idle_since: float | None = None
        self._lease: tuple[Lease, Reins] | None = None
        self.state = State.attaching

    @property
    def has_lease(self) -> bool:
        return self._lease is not None

    def run(self) -> None:
        """Until `stop`. Raises StopAndTell when the person has to do something."""
        try:
            self._tell(State.attaching)
            if self._attach():
                deliver_leftovers(self._tools)
                while not self._tools.stop.is_set():
                    self.once()
        finally:
            self._tell(State.stopped)

    def once(self) -> None:
        """One question to the server, and what follows from the answer."""
        patience = self._tools.patience
        self._tell(State.asking)
        held = self._tools.blobs.held()[-MAX_HELD:]
        request = WorkRequest(self._machine, held, LONG_POLL_SECONDS)
        asked = patience.clock()
        reply = patience.insist(lambda: self._tools.grid.work(request), self._tools.stop, self._server_away)
        if reply is None:
            return
        self._tools.blobs.forget(reply.forget)
        if isinstance(reply, NoWork):
            self._rest(reply, patience.clock() - asked)
        else:
            self._idle_since = None
            self._do(reply)

    def stop(self, finish_within: float) -> None:
        """Begin nothing new; what is being computed is to be finished, as far as it goes, within these seconds."""
        self._tools.stop.set()
        if (current := self._lease) is not None:
            current[1].ask(Wish.finish, within=finish_within)

    def abandon(self, patience: float) -> None:
        """There is no time left: give the lease back, unless the server cannot be reached."""
        self._tools.hard_stop.set()
        current = self._lease
        if current is None:
            return
        lease, reins = current
        reins.ask(Wish.drop)
        if give_back(self._tools, lease.result, GiveBackReason.quitting, patience=patience):
            for entry in self._tools.gradients.all():
                if entry.result == lease.result:
                    self._tools.gradients.drop(entry)

    def _do(self, lease: Lease) -> None:
        reins = Reins()
        self._lease = (lease, reins)
        if self._tools.stop.is_set():
            # It came before we knew of the lease, so nobody has told these reins.
            reins.ask(Wish.finish, within=0.0)
        try:
            ended = self._work.do(lease, reins)
        finally:
            self._lease = None
        if ended is Ended.well:
            self._failures.reset()
        elif not self._tools.stop.is_set():
            # Whatever went wrong may go wrong again at once: no spinning.
            self._tools.patience.wait(self._tools.stop, self._failures.next_delay())

    def _rest(self, reply: NoWork, took: float) -> None:
        patience = self._tools.patience
        now = patience.clock()
        if self._idle_since is None:
            _log.info("no work: %s", reply.reason)
            self._idle_since = now
        elif now - self._idle_since > TRAINER_IDLE_SECONDS:
            self._tools.trainer.kill()
        self._tell(State.idle)
        least = max(0.0, LEAST_CYCLE_SECONDS - took)
        patience.wait(self._tools.stop, max(reply.retry_after_seconds, least))

    def _server_away(self, _error: RetryLater, _failures: int) -> None:
        self._tell(State.waiting_for_server)

    def _tell(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._observer(state)
