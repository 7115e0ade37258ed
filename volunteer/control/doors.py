"""Where the running app listens for its own user: one way a system, behind one interface."""

import os
import socket
import sys
from pathlib import Path
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


def private(folder: Path) -> Path:
    """The folder, there for its owner alone."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def door_of(folder: Path) -> Door:
    """The door of this system: a Unix socket; on Windows, where Python has none, a loopback port with a secret."""
    if sys.platform == "win32" or not hasattr(socket, "AF_UNIX"):
        from volunteer.control.loopback import LoopbackDoor

        return LoopbackDoor(folder)
    from volunteer.control.unix_socket import UnixDoor

    return UnixDoor(folder, own_user=os.getuid())
