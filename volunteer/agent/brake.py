"""Takes a host's hands off the processor within a second, lets it go on, and gives memory back that nobody uses."""

import enum
import threading
from collections.abc import Callable
from typing import Protocol

from volunteer.agent.gate import Gate

# A chunk ends within a quarter of a second: most units end in good order before the trainer is stopped where it is.
SUSPEND_AFTER_SECONDS = 0.7
# A trainer without work holds half a gigabyte for nothing.
TRAINER_IDLE_SECONDS = 300.0


class Hold(enum.IntEnum):
    """How far a host is to stop, in order of urgency."""

    none = 0
    after_unit = 1
    """The unit that runs is finished; no new one is begun."""
    now = 2


class Held(Protocol):
    """See `volunteer.agent.agent.Agent`."""

    @property
    def rests_since(self) -> float | None: ...
    def finish_early(self, within: float | None = None) -> None: ...


class Suspendable(Protocol):
    """See `volunteer.trainer.process.TrainerProcess`."""

    def suspend(self) -> None: ...
    def resume(self) -> None: ...
    def kill(self) -> None: ...


def in_a_thread(seconds: float, action: Callable[[], None]) -> None:
    """Call `action` after so many seconds, without waiting for it."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


class Brake:
    """`apply` and `relieve` may come from any thread, as often as they like."""

    def __init__(
        self,
        gate: Gate,
        agent: Held,
        trainer: Suspendable,
        clock: Callable[[], float],
        later: Callable[[float, Callable[[], None]], None] = in_a_thread,
    ) -> None:
        self._gate = gate
        self._agent = agent
        self._trainer = trainer
        self._clock = clock
        self._later = later
        self._lock = threading.Lock()
        self._hold = Hold.none
        self._since = 0.0
        self._presses = 0

    def apply(self, hold: Hold) -> None:
        """From now on the host stops so far, or goes on."""
        with self._lock:
            before, self._hold = self._hold, hold
            if hold is before:
                return
            self._presses += 1
            if hold is not Hold.now:
                self._trainer.resume()
            if hold is Hold.none:
                self._gate.open()
                return
            self._gate.close()
            if hold is Hold.now:
                self._since = self._clock()
                self._agent.finish_early()
                press = self._presses
                self._later(SUSPEND_AFTER_SECONDS, lambda: self._suspend(press))

    def relieve(self) -> None:
        """Called now and then: a trainer that has been of no use for long is ended, its unit given back."""
        now = self._clock()
        with self._lock:
            held_for = now - self._since if self._hold is Hold.now else 0.0
        if held_for > TRAINER_IDLE_SECONDS:
            self._agent.finish_early(within=0.0)
            self._trainer.kill()
        elif (since := self._agent.rests_since) is not None and now - since > TRAINER_IDLE_SECONDS:
            self._trainer.kill()

    def _suspend(self, press: int) -> None:
        with self._lock:
            # Somebody may have let go meanwhile, and even have pressed again.
            if press == self._presses:
                self._trainer.suspend()
