"""One lease from its arrival to its end: fetch, compute, deliver, or give it back."""

import enum
import logging
import secrets
from collections.abc import Callable

from volunteer.agent.delivering import deliver
from volunteer.agent.fetching import Fetcher, Files, Unusable
from volunteer.agent.heartbeats import Heartbeats
from volunteer.agent.states import State
from volunteer.agent.tools import Tools
from volunteer.errors import DropResult, NoRoom, RetryLater, StopAndTell, is_full, printable
from volunteer.protocol.messages import GiveBack, GiveBackReason, Lease, Verdict
from volunteer.trainer.job import Computed, Failed, Job, Nothing
from volunteer.trainer.reins import Reins, Wish

# A trainer that says nothing for so long, and for so many times what the whole unit should take, hangs.
LEAST_SILENCE_SECONDS = 60.0
SILENCE_FACTOR = 10.0
_log = logging.getLogger(__name__)


class Ended(enum.Enum):
    """How a lease ended, as far as the loop must know."""

    well = "well"
    badly = "badly"


class UnitWork:
    """Does leases, one after the other. `tell` hears of each state, `delivered` of each unit that was not in vain."""

    def __init__(self, tools: Tools, tell: Callable[[State], None], delivered: Callable[[], None]) -> None:
        self._tools = tools
        self._tell = tell
        self._delivered = delivered
        self._fetcher = Fetcher(tools)
        self.done = 0
        """How many mini-batches of the unit that runs are done."""

    def do(self, lease: Lease, reins: Reins) -> Ended:
        """Raises StopAndTell; everything else ends the lease in one of the agreed ways."""
        with Heartbeats(self._tools.grid, lease, reins, self._tools.patience) as heart:
            try:
                ended = self._do(lease, reins, heart)
            except DropResult as error:
                _log.info("round %d: dropped: %s", lease.round, error.sentence)
                ended = Ended.badly
            except Unusable as error:
                ended = self._return(lease, error.reason, error.detail)
            except NoRoom as error:
                ended = self._without_room(lease, error)
            except OSError as error:
                if not is_full(error):
                    raise
                ended = self._without_room(lease, NoRoom())
        if heart.fatal is not None:
            raise heart.fatal
        return ended

    def _do(self, lease: Lease, reins: Reins, heart: Heartbeats) -> Ended:
        self.done = 0
        self._tell(State.downloading)
        if reins.free:
            self._tools.trainer.warm_up()
        files = self._fetcher.fetch(lease, reins)
        if files is None or not reins.free:
            return self._end_without(lease, reins)
        self._tell(State.training)

        def progress(done: int) -> None:
            heart.done = self.done = done

        job = self._job(lease, files)
        outcome = self._tools.trainer.compute(job, reins, progress)
        if isinstance(outcome, Failed) and outcome.reason is GiveBackReason.quitting:
            raise NoRoom
        if isinstance(outcome, Failed):
            return self._return(lease, outcome.reason, outcome.detail)
        if isinstance(outcome, Nothing) or reins.wish is Wish.drop:
            job.out.unlink(missing_ok=True)
            return self._end_without(lease, reins)
        heart.delivering = True
        return self._deliver(lease, outcome)

    def _job(self, lease: Lease, files: Files) -> Job:
        return Job(
            label=f"round {lease.round}",
            plan=files.plan,
            plan_sha256=lease.plan.sha256,
            weights=files.weights,
            frozen=files.frozen,
            shards=files.shards,
            epoch=lease.epoch,
            mini_batches=list(lease.mini_batches),
            # A lease is about five times the time that the server expects.
            silence=max(LEAST_SILENCE_SECONDS, SILENCE_FACTOR * lease.deadline_seconds / 5),
            # A name of its own: a dropped unit may still be on its way while the next one begins.
            out=self._tools.gradients.workshop / f"{secrets.token_hex(8)}.gradient",
        )

    def _deliver(self, lease: Lease, computed: Computed) -> Ended:
        self._tell(State.delivering)
        entry = self._tools.gradients.add(lease.result, computed.path, computed.sha256)
        reply = deliver(self._tools, entry, computed.mini_batches)
        of_all = "" if computed.mini_batches == len(lease.mini_batches) else f" of {len(lease.mini_batches)}"
        what = f"{computed.mini_batches}{of_all} mini-batches in {computed.seconds:.2f} s"
        if reply is None:
            _log.info("round %d: %s, not delivered", lease.round, what)
            return Ended.well
        counts = reply.verdict in (Verdict.valid, Verdict.pending)
        if counts:
            self._delivered()
        verdict = "" if counts else f": {reply.verdict} {printable(reply.sentence)}"
        _log.info("round %d: %s, delivered%s", lease.round, what, verdict)
        return Ended.badly if reply.verdict is Verdict.invalid else Ended.well

    def _end_without(self, lease: Lease, reins: Reins) -> Ended:
        """Nothing was computed because somebody pulled the reins."""
        if reins.wish is Wish.finish:
            self._return(lease, GiveBackReason.quitting, "")
        return Ended.well

    def _without_room(self, lease: Lease, error: NoRoom) -> Ended:
        """It counts against nobody: another host has the room."""
        self._tell(State.no_room)
        _log.warning("round %d: given back: %s", lease.round, error.sentence)
        give_back(self._tools, lease.result, GiveBackReason.quitting, error.sentence)
        return Ended.badly

    def _return(self, lease: Lease, reason: GiveBackReason, detail: str) -> Ended:
        if reason is not GiveBackReason.quitting:
            _log.warning("round %d: given back (%s): %s", lease.round, reason, printable(detail))
        give_back(self._tools, lease.result, reason, detail)
        return Ended.well if reason is GiveBackReason.quitting else Ended.badly


def give_back(tools: Tools, result: str, reason: GiveBackReason, detail: str = "", patience: float = 5.0) -> bool:
    """One try, and whether the server took it: if not, its own clock will end the lease."""
    try:
        tools.grid.give_back(result, GiveBack(reason, detail[:2000]), patience)
    except (RetryLater, DropResult, StopAndTell) as error:
        _log.debug("could not give result %s back: %s", result, error.sentence)
        return False
    return True
