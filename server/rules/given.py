"""What hosts gave: computing time, and what travelled to them and from them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Given:
    host_seconds: float = 0.0
    bytes_down: int = 0
    bytes_up: int = 0

    def __add__(self, other: "Given") -> "Given":
        return Given(
            self.host_seconds + other.host_seconds, self.bytes_down + other.bytes_down, self.bytes_up + other.bytes_up
        )
