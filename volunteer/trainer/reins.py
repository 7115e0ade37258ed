"""The reins of one lease: anybody may ask for an early end; whoever does the work now hears of it at once."""

import enum
import math
import threading
import time
from collections.abc import Callable


class Wish(enum.IntEnum):
    """In order of urgency; a wish is only ever replaced by a more urgent one."""

    go_on = 0
    finish = 1
    """Stop after the running chunk; what is done will be delivered."""
    drop = 2
    """Nobody wants the result any more."""


class Reins:
    """May be used by several threads at once. `pulled` is set at the first wish."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wish = Wish.go_on
        self._until: float | None = None
        self._deadline = math.inf
        self._listener: Callable[[Wish], None] | None = None
        self.pulled = threading.Event()

    @property
    def wish(self) -> Wish:
        return self._wish

    @property
    def free(self) -> bool:
        """Whether nobody has asked for an end."""
        return self._wish is Wish.go_on

    @property
    def overdue(self) -> bool:
        """Whether the time given for finishing is over."""
        return self._until is not None and self._clock() >= self._until

    @property
    def late(self) -> bool:
        """Whether the report deadline has passed that the server told last."""
        return self._clock() >= self._deadline

    def deadline_in(self, seconds: float) -> None:
        """The server has said how much time there is from now on."""
        self._deadline = self._clock() + seconds

    def ask(self, wish: Wish, within: float | None = None) -> None:
        """`within`: seconds in which a finish has to be over; asked again, it may be less, never more."""
        with self._lock:
            if within is not None and wish >= self._wish:
                until = self._clock() + within
                self._until = until if self._until is None else min(self._until, until)
            if wish <= self._wish:
                return
            self._wish = wish
            listener = self._listener
        self.pulled.set()
        if listener is not None:
            listener(wish)

    def listen(self, listener: Callable[[Wish], None] | None) -> None:
        """Call `listener` at the next wish, or now if there is one already. One listener at a time."""
        with self._lock:
            self._listener = listener
            wish = self._wish
        if listener is not None and wish is not Wish.go_on:
            listener(wish)
