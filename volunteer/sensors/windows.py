"""Idle time on Windows, by GetLastInputInfo of user32. Written from its documentation, not run here."""

import ctypes
import sys

if sys.platform == "win32":

    class _LastInput(ctypes.Structure):
        _fields_ = (("size", ctypes.c_uint), ("ticks", ctypes.c_uint))

    def idle_seconds() -> float:
        """Seconds since the last input of this session. Raises OSError."""
        last = _LastInput(ctypes.sizeof(_LastInput), 0)
        if not ctypes.windll.user32.GetLastInputInfo(ctypes.byref(last)):
            raise ctypes.WinError()
        # Both count milliseconds in 32 bits and begin anew after 49 days.
        return ((ctypes.windll.kernel32.GetTickCount() - last.ticks) & 0xFFFFFFFF) / 1000
