"""Start at log-in by the registry's Run key of this person. Written from its documentation, not run here."""

import subprocess
import sys
from collections.abc import Sequence

if sys.platform == "win32":
    import contextlib
    import winreg

    KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
    NAME = "DAIG Volunteer"

    class RunKey:
        """One value below the key; the installer and its removal know it by the same name."""

        def __init__(self, command: Sequence[str]) -> None:
            self._line = subprocess.list2cmdline(command)

        def follow(self, wanted: bool) -> None:
            with winreg.CreateKeyEx(winreg.HKEY_CURRENT_USER, KEY, access=winreg.KEY_SET_VALUE) as key:
                if wanted:
                    winreg.SetValueEx(key, NAME, 0, winreg.REG_SZ, self._line)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        winreg.DeleteValue(key, NAME)
