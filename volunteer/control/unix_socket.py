"""A Unix socket in a folder that only its owner enters; who connects is asked of the kernel."""

import contextlib
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from volunteer.control.doors import answers
from volunteer.private_files import private_folder

SOCKET_FILE = "control.sock"
# The kernel's field for the name holds 108 bytes on Linux and 104 on macOS, the end mark included.
LONGEST_NAME = 107 if sys.platform == "linux" else 103
ROOT = 0
_WAITING = 16


def peer_user(connection: socket.socket) -> int | None:
    """The number of the user at the other end; None where this system does not say (then the folder is the guard)."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _process, user, _group = struct.unpack("3i", credentials)
        return int(user)
    if sys.platform == "darwin":
        # LOCAL_PEERCRED of SOL_LOCAL: struct xucred begins with its version and the user.
        _version, user = struct.unpack_from("2I", connection.getsockopt(0, 1, 76))
        return int(user)
    return None


class UnixDoor:
    """See `doors.Door`."""

    def __init__(self, folder: Path, own_user: int, peer: Callable[[socket.socket], int | None] = peer_user) -> None:
        self._path = folder / SOCKET_FILE
        self._own_user = own_user
        self._peer = peer

    def listen(self) -> socket.socket:
        private_folder(self._path.parent)
        if answers(self):
            raise FileExistsError(f"{self._path} is in use")
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _short(self._path) as name:
                listener.bind(name)
            self._path.chmod(0o600)
            listener.listen(_WAITING)
        except BaseException:
            listener.close()
            raise
        return listener

    def admit(self, connection: socket.socket, seconds: float) -> bool:
        try:
            user = self._peer(connection)
        except OSError:
            return False
        return user is None or user in (self._own_user, ROOT)

    def connect(self, seconds: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        try:
            with _short(self._path) as name:
                connection.connect(name)
            # The app may run as another user only for root, who may speak to anybody.
            if self._own_user != ROOT and self._peer(connection) not in (None, self._own_user):
                raise PermissionError(f"another user listens at {self._path}")
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of that socket that the kernel has room for: a link to its folder where its own is too long."""
    if len(os.fsencode(path)) <= LONGEST_NAME:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="daig-") as folder:
        link = Path(folder) / "s"
        link.symlink_to(path.parent)
        yield str(link / path.name)
