"""The start at log-in of this machine, behind one interface."""

import os
import sys
from collections.abc import Sequence
from typing import Protocol


class Autostart(Protocol):
    """`follow` may be called again and again; it writes only what is not so already. Raises OSError."""

    def follow(self, wanted: bool) -> None: ...


def autostart_of(command: Sequence[str]) -> Autostart:
    """`command`: what is to be started, its first word a whole path."""
    if sys.platform == "win32":
        from volunteer.autostart.windows import RunKey

        return RunKey(command)
    if sys.platform == "darwin":
        from volunteer.autostart.macos import LaunchAgent

        return LaunchAgent(command)
    from volunteer.autostart.linux import DesktopEntry

    return DesktopEntry(command, os.environ)
