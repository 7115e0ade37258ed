"""The loop of a host: ask for work, do it, ask again; wait when there is none, or no server."""

import logging
from collections.abc import Callable

from volunteer.agent.delivering import deliver_leftovers
from volunteer.agent.states import State
from volunteer.agent.tools import Tools
from volunteer.agent.unit import Ended, UnitWork, give_back
from volunteer.errors import RetryLater, printable
from volunteer.protocol.messages import GiveBackReason, Lease, Machine, NoWork, WorkRequest
from volunteer.trainer.reins import Reins, Wish

# The server holds the question open this long when it has nothing; new work arrives at once.
LONG_POLL_SECONDS = 10.0
MAX_HELD = 20_000
# An empty answer that came quicker than this is followed by a rest, whatever the server says.
LEAST_CYCLE_SECONDS = 1.0
# A grid that is asked no more because it once said so would never be heard of again.
LONGEST_REST_SECONDS = 900.0
STAND_BY_SECONDS = 60.0
_BUSY = frozenset({State.downloading, State.training})
_log = logging.getLogger(__name__)


class Agent:
    """`run` is the loop, in a thread of its own; `stop` and `abandon` may come from another."""

    def __init__(
        self,
        tools: Tools,
        machine: Machine,
        attach: Callable[[], bool],
        tell: Callable[[State], None] = lambda _state: None,
        delivered: Callable[[], None] = lambda: None,
    ) -> None:
        """`attach` makes the grid know us; False means: stopped before that.

        `tell` hears of each state, `delivered` of each unit that was computed, brought and not found invalid.
        """
        self._tools = tools
        self.machine = machine
        self._attach = attach
        self._observer = tell
        self._work = UnitWork(tools, self._tell, delivered)
        self._failures = tools.patience.backoff()
        self._idle = False
        self._lease: tuple[Lease, Reins] | None = None
        self._rests_since: float | None = tools.patience.clock()
        self.state = State.attaching

    @property
    def has_lease(self) -> bool:
        return self._lease is not None

    @property
    def rests_since(self) -> float | None:
        """When the trainer last had something to do, by the agent's clock; None while it has."""
        return self._rests_since

    @property
    def progress(self) -> float | None:
        """How much of the unit is done, 0 to 1; None without a unit."""
        current = self._lease
        return None if current is None else self._work.done / len(current[0].mini_batches)

    def run(self) -> None:
        """Until `stop`. Raises StopAndTell when the person has to do something."""
        try:
            self._tell(State.attaching)
            if self._attach():
                deliver_leftovers(self._tools)
                while not self._tools.stop.is_set():
                    if self._tools.gate.is_open:
                        self.once()
                    else:
                        self._stand_by()
        finally:
            self._tell(State.stopped)

    def once(self) -> None:
        """One question to the server, and what follows from the answer."""
        patience = self._tools.patience
        self._tell(State.asking)
        held = self._tools.blobs.held()[-MAX_HELD:]
        request = WorkRequest(self.machine, held, LONG_POLL_SECONDS)
        asked = patience.clock()
        reply = patience.insist(lambda: self._tools.grid.work(request), self._tools.stop, self._server_away)
        if reply is None:
            return
        self._tools.blobs.forget(reply.forget)
        if isinstance(reply, NoWork):
            self._rest(reply, patience.clock() - asked)
        else:
            self._idle = False
            self._do(reply)

    def stop(self, finish_within: float) -> None:
        """Begin nothing new; what is being computed is to be finished, as far as it goes, within these seconds."""
        self._tools.stop.set()
        self._tools.gate.stir()
        self.finish_early(finish_within)

    def finish_early(self, within: float | None = None) -> None:
        """The unit that runs ends after the chunk that runs: what is done is delivered, the rest goes back.

        `within`: seconds in which that has to be over; what is not done by then goes back whole.
        """
        if (current := self._lease) is not None:
            current[1].ask(Wish.finish, within)

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
        elif not self._tools.gate.is_open:
            reins.ask(Wish.finish)
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
        if not self._idle:
            _log.info("no work: %s", printable(reply.reason))
            self._idle = True
        self._tell(State.idle)
        least = max(0.0, LEAST_CYCLE_SECONDS - took)
        self._tools.patience.wait(self._tools.stop, min(max(reply.retry_after_seconds, least), LONGEST_REST_SECONDS))

    def _stand_by(self) -> None:
        """Paused: nothing but gradients that wait on disk is dealt with."""
        self._idle = False
        self._tell(State.paused)
        deliver_leftovers(self._tools)
        self._tools.patience.wait(self._tools.gate.stirred, STAND_BY_SECONDS)

    def _server_away(self, _error: RetryLater, _failures: int) -> None:
        self._tell(State.waiting_for_server)

    def _tell(self, state: State) -> None:
        if state is not self.state:
            if state in _BUSY:
                self._rests_since = None
            elif self._rests_since is None:
                self._rests_since = self._tools.patience.clock()
            self.state = state
            self._observer(state)
