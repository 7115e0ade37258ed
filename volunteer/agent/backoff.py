"""How long to leave a server alone that did not answer: exponential, with full jitter.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

from collections.abc import Callable
from random import random as _random

BASE_SECONDS = 0.5
CAP_SECONDS = 60.0


class Backoff:
    """One streak of failures. `random` gives numbers in [0, 1)."""

    def __init__(
        self,
        random: Callable[[], float] = _random,
        base: float = BASE_SECONDS,
        cap: float = CAP_SECONDS,
    ) -> None:
        self._random = random
        self._base = base
        self._cap = cap
        self._failures = 0

    def reset(self) -> None:
        """It went well; the next failure is a first one again."""
        self._failures = 0

    def next_delay(self, asked: float | None = None) -> float:
        """Seconds to wait after one more failure: at random up to a bound that doubles each time.

        What the server `asked` for is the least; the jitter comes on top, so that not all hosts come back at once.
        """
        bound = min(self._cap, self._base * 2.0 ** min(self._failures, 60))
        self._failures += 1
        return (asked or 0.0) + self._random() * bound
