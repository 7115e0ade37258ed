"""Which request of a host is its newest: one that still waits for a program which was started again asks no more."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class _Asker:
    """`number` is that of the newest request; `open`: how many there are."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    number: int = 0
    open: int = 0


class Turn:
    """One request of a host."""

    def __init__(self, asker: _Asker, number: int) -> None:
        self._asker = asker
        self._number = number

    @contextlib.contextmanager
    def asking(self) -> Iterator[bool]:
        """Yields whether this is still the host's newest request; while the block lasts no newer one can begin."""
        with self._asker.lock:
            yield self._asker.number == self._number


class Newest:
    """For one process; what nobody waits for any more is forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._askers: dict[object, _Asker] = {}

    @contextlib.contextmanager
    def turn(self, host: object) -> Iterator[Turn]:
        with self._lock:
            asker = self._askers.setdefault(host, _Asker())
            asker.open += 1
        try:
            with asker.lock:
                asker.number += 1
                number = asker.number
            yield Turn(asker, number)
        finally:
            with self._lock:
                asker.open -= 1
                if not asker.open:
                    del self._askers[host]
