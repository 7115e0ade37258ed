"""One reading, taken now and then: cheap, never failing, never louder than one line in the log."""

import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Clock = Callable[[], float]

_log = logging.getLogger(__name__)


class Sensor(Generic[T]):
    """`value()` is the last reading, taken anew when it is older than `every` seconds.

    For one thread. A reading that fails is None, and said once until it works again.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], T | None],
        every: float,
        clock: Clock = time.monotonic,
        cost: Clock = time.thread_time,
        share: float = 1.0,
    ) -> None:
        """`share` of one processor is what it may cost; dearer, it is read less often. `cost` counts such seconds."""
        self._name = name
        self._read = read
        self._every = every
        self._clock = clock
        self._cost = cost
        self._share = share
        self._value: T | None = None
        self._due: float | None = None
        self._fails = False

    def value(self) -> T | None:
        if self._due is None or self._clock() >= self._due:
            begun = self._cost()
            self._value = self._try()
            self._due = self._clock() + max(self._every, (self._cost() - begun) / self._share)
        return self._value

    def _try(self) -> T | None:
        try:
            value = self._read()
        except Exception as error:
            # Libraries and drivers of every kind are asked here; none of them may stop the host.
            if not self._fails:
                _log.info("%s cannot be told here: %s: %s", self._name, type(error).__name__, error)
            self._fails = True
            return None
        self._fails = False
        return value
