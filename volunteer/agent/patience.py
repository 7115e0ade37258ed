"""Doing something again and again until the server answers, somebody wants to stop, or it is no use."""

import logging
import threading
import time
from collections.abc import Callable
from random import random
from typing import TypeVar

from volunteer.agent.backoff import Backoff
from volunteer.errors import RetryLater

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Patience:
    """The agent's clock, its dice and its way of waiting, in one place that tests replace."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        """`wait(event, seconds)` returns early, and True, when the event is set."""
        self.clock = clock
        self._dice = dice
        self._wait = wait
        self.trouble: RetryLater | None = None
        """Why what is being tried does not work, from the second failure on; None when it works again."""

    def backoff(self) -> Backoff:
        return Backoff(self._dice)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Whether `stop` came within that time."""
        return self._wait(stop, max(seconds, 0.0))

    def insist(
        self,
        action: Callable[[], T],
        stop: threading.Event,
        on_failure: Callable[[RetryLater, int], None],
    ) -> T | None:
        """The action's value; None when `stop` was set before it had one.

        `on_failure(error, failures so far)` hears of each RetryLater and may raise to end it.
        """
        try:
            return self._insist(action, stop, on_failure)
        finally:
            self.trouble = None

    def _insist(
        self, action: Callable[[], T], stop: threading.Event, on_failure: Callable[[RetryLater, int], None]
    ) -> T | None:
        backoff, failures = self.backoff(), 0
        while not stop.is_set():
            try:
                value = action()
            except RetryLater as error:
                failures += 1
                if stop.is_set():
                    return None
                on_failure(error, failures)
                self.trouble = error if failures > 1 else self.trouble
                delay = backoff.next_delay(error.after)
                _log.log(
                    logging.WARNING if failures in (1, 5) or failures % 20 == 0 else logging.DEBUG,
                    "%s Trying again in %.1f s.", error.sentence, delay,
                )  # fmt: skip
                self.wait(stop, delay)
            else:
                if failures:
                    _log.info("The server answers again.")
                return value
        return None
