"""Who may hold threads of the web process for long, and how many: the whole budget. Knows no request.

All together at most three quarters of the threads (`web_threads`), so that a quarter is always left to what is quick:
pages, heartbeats, the supervisor's question whether the grid is there. What these places are taken by is told to come
again. Beside them count the `SLOW_PLACES` of pacing.py, for those who send their requests slowly.
"""

import collections
import contextlib
import threading
from collections.abc import Iterator


class Slots:
    """At most `count` requests at once may do something that holds a thread for long; `each` of them for one key."""

    def __init__(self, count: int, each: int | None = None) -> None:
        self.count = count
        self._each = count if each is None else each
        self._lock = threading.Lock()
        self._held: collections.Counter[object] = collections.Counter()

    def take(self, key: object = None) -> bool:
        """Whether there was a free one; it is then held until `leave`."""
        with self._lock:
            free = self._held.total() < self.count and self._held[key] < self._each
            if free:
                self._held[key] += 1
            return free

    def leave(self, key: object = None) -> None:
        with self._lock:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    @contextlib.contextmanager
    def taken(self, key: object = None) -> Iterator[bool]:
        """Yields whether there was a free one."""
        got = self.take(key)
        try:
            yield got
        finally:
            if got:
                self.leave(key)


WAITING = Slots(18)
"""Hosts that wait for work. Whoever finds no place is answered at once, and asks again later."""

UPLOADING = Slots(16)
"""Gradients on their way here."""

BLOBS = Slots(12, 3)
"""Blobs on their way to hosts; few of them to one host, whose line may be slow or dead."""

INSTALLERS = Slots(6)
"""Anybody may ask for one, and it is large."""

PARTS = Slots(6, 3)
"""Parts of people's uploads (tus.py); a key is an account."""

FORM_UPLOADS = Slots(4, 2)
"""Few: the page sends its files in parts, and a form that only names them needs no place."""

DRAINING = Slots(2)
"""Bodies that are read on after a refusal, for seconds."""

ALL = (WAITING, UPLOADING, BLOBS, INSTALLERS, PARTS, FORM_UPLOADS, DRAINING)
