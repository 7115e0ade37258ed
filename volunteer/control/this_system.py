"""Which door this system has."""

import os
import socket
import sys
from pathlib import Path

from volunteer.control.doors import Door
from volunteer.control.loopback import LoopbackDoor
from volunteer.control.unix_socket import UnixDoor


def door_of(folder: Path) -> Door:
    """A Unix socket; on Windows, where Python has none, a loopback port with a secret."""
    if sys.platform == "win32" or not hasattr(socket, "AF_UNIX"):
        return LoopbackDoor(folder)
    return UnixDoor(folder, own_user=os.getuid())
