"""Runs the app until a signal comes or somebody says quit; everything is over within five seconds of that."""

import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from volunteer.agent.app import App

_OVER, _SIGNAL, _ENDED = "over", "signal", "ended"


class Running:
    """One app. `until_stopped` belongs to the main thread: signals arrive there."""

    def __init__(self, app: App) -> None:
        self._app = app
        # The one queue that may be filled from within a signal handler.
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()

    def until_stopped(
        self, stays: bool, begun: Callable[[], None] = lambda: None, ending: Callable[[], None] = lambda: None
    ) -> None:
        """Raises what ended the app by itself: unless it `stays`, StopAndTell when the person has to do something.

        `begun` is called when the app has started, `ending`, which must not wait, when its end begins.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        # The terminal, or the session, was closed; somebody who said nohup meant it.
        if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_signal)
        try:
            self._app.start(lambda: self._events.put(_OVER), stays)
            begun()
            self._events.get()
            ending()
            threading.Thread(target=self._wind_up, name="winding up", daemon=True).start()
            # A second signal ends the waiting; a second wish to quit is no hurry.
            while self._events.get() == _OVER:
                pass
        finally:
            self._app.close()
        if self._app.error is not None:
            raise self._app.error

    def _wind_up(self) -> None:
        try:
            self._app.wind_up()
        finally:
            self._events.put(_ENDED)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._events.put(_SIGNAL)
