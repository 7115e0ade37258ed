"""How many mini-batches to give the engine at once: enough to be fast, few enough to be able to stop."""

from dataclasses import dataclass

MEGABYTE = 2**20


@dataclass
class Pace:
    """Aims at chunks of `target_seconds`, so that a host can stop between two, and of at most `max_bytes`."""

    target_seconds: float = 0.5
    max_bytes: int = 64 * MEGABYTE
    seconds_each: float | None = None

    def next_count(self, remaining: int, bytes_each: int) -> int:
        """How many of the `remaining` mini-batches come next, each `bytes_each` large. At least 1."""
        # Before anything was measured one mini-batch tells how long the others will take.
        by_time = 1 if self.seconds_each is None else int(self.target_seconds / max(self.seconds_each, 1e-9))
        by_size = self.max_bytes // max(bytes_each, 1)
        return max(1, min(remaining, by_time, by_size))

    def measured(self, count: int, seconds: float) -> None:
        """Tell how long the last chunk of `count` mini-batches took."""
        latest = seconds / count
        # The newest measurement counts half: a machine's owner may come back at any moment.
        self.seconds_each = latest if self.seconds_each is None else (self.seconds_each + latest) / 2
