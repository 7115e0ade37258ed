"""What a place is where the running app listens for its own user: one interface over the ways that systems have."""

import socket
from typing import Protocol

_PROBE_SECONDS = 1.0


class Door(Protocol):
    """A place in the state folder. One side listens and admits, the other connects."""

    def listen(self) -> socket.socket:
        """Listening, for this user alone. What a dead process left there is replaced. Raises OSError."""
        ...

    def admit(self, connection: socket.socket, seconds: float) -> bool:
        """Whether the one who connected may speak. Never raises."""
        ...

    def connect(self, seconds: float) -> socket.socket:
        """Connected to the running app and sure of it. Raises OSError when there is none."""
        ...

    def close(self) -> None:
        """Nobody listens any more: remove what showed the way."""
        ...


def answers(door: Door) -> bool:
    """Whether somebody listens there now."""
    try:
        door.connect(_PROBE_SECONDS).close()
    except OSError:
        return False
    return True
