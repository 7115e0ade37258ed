"""Runs an agent until it ends or a signal comes; after a signal everything is over within five seconds."""

import queue
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from volunteer.agent.agent import Agent

# Seconds after the signal. The whole must stay below five.
FINISH_WITHIN = 2.0
WITHOUT_LEASE = 0.5
ABANDON_AFTER = 3.4
ABANDON_WITHIN = 0.9

_ENDED, _SIGNAL = "ended", "signal"


class Running:
    """One agent in a thread. `close` ends what the agent started (the trainer)."""

    def __init__(self, agent: Agent, close: Callable[[], None]) -> None:
        self._agent = agent
        self._close = close
        # The one queue that may be filled from within a signal handler.
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._error: BaseException | None = None

    def until_stopped(self) -> None:
        """Raises what the agent raised (StopAndTell)."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        threading.Thread(target=self._run, name="agent", daemon=True).start()
        try:
            if self._events.get() == _SIGNAL:
                self._wind_up(time.monotonic())
        finally:
            self._close()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._agent.run()
        except BaseException as error:
            self._error = error
        finally:
            self._events.put(_ENDED)

    def _wind_up(self, signalled: float) -> None:
        self._agent.stop(FINISH_WITHIN)
        if self._ended_by(signalled + (ABANDON_AFTER if self._agent.has_lease else WITHOUT_LEASE)):
            return
        if not self._agent.has_lease:
            return
        # Looking up a name has no time limit of its own, so not even this may hold up the end.
        last = threading.Thread(target=self._agent.abandon, args=(ABANDON_WITHIN,), daemon=True)
        last.start()
        last.join(ABANDON_WITHIN)

    def _ended_by(self, instant: float) -> bool:
        """Whether the agent ended before that; a second signal ends the waiting."""
        try:
            return self._events.get(timeout=max(0.0, instant - time.monotonic())) == _ENDED
        except queue.Empty:
            return False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._events.put(_SIGNAL)
