"""How fast bytes may go up and come down: one token bucket a direction, whose rate may change at any time."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

KILO = 1000
LEAST_PORTION = 1024
# A sleeper looks so often whether the limit was changed.
LOOK_SECONDS = 0.25
# A debt of less than this is paid with the next one.
LEAST_SLEEP = 0.001


class Bucket:
    """Bytes may pass at `rate` a second, on average; 0: without limit. For several threads at once."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._rate = 0
        self._left = 0.0
        self._at = clock()

    def set_rate(self, rate: int) -> None:
        """From now on, also for who is waiting."""
        with self._lock:
            self._refill()
            self._rate = rate
            # A lower limit does not make anybody pay longer than a second for what passed before.
            self._left = max(self._left, -float(rate))

    def portion(self, most: int) -> int:
        """How many bytes to move at once, so that the line neither stands still for long nor is full in between."""
        rate = self._rate
        return most if not rate else min(most, max(LEAST_PORTION, int(rate * LOOK_SECONDS)))

    def take(self, count: int) -> None:
        """Count bytes that have passed, and wait until that was within the limit."""
        if not self._rate:
            return
        with self._lock:
            self._refill()
            self._left -= count
        while (owed := self._owed()) > LEAST_SLEEP:
            self._sleep(min(owed, LOOK_SECONDS))

    def _owed(self) -> float:
        """Seconds until the debt is paid."""
        with self._lock:
            self._refill()
            return -self._left / self._rate if self._rate and self._left < 0 else 0.0

    def _refill(self) -> None:
        now = self._clock()
        # What was not used in a quarter of a second is lost: an idle hour does not buy a burst.
        self._left = min(self._left + (now - self._at) * self._rate, self._rate * LOOK_SECONDS)
        self._at = now


class Limits:
    """Both directions of one host."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.down = Bucket(clock, sleep)
        self.up = Bucket(clock, sleep)

    def set(self, download: int, upload: int) -> None:
        """In kB/s (1,000 bytes); 0: no limit. Also counts for what is under way."""
        self.down.set_rate(download * KILO)
        self.up.set_rate(upload * KILO)


class Metered:
    """A file's rest as a request's body, read no faster than the bucket allows."""

    def __init__(self, file: BinaryIO, size: int, bucket: Bucket) -> None:
        """`size`: how many bytes are still to be read from the file."""
        self._file = file
        self._size = size
        self._bucket = bucket

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(2**18):
            yield block

    def read(self, count: int) -> bytes:
        block = self._file.read(self._bucket.portion(count))
        self._bucket.take(len(block))
        return block
