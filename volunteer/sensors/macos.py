"""Idle time on macOS, by Quartz's event source. Written from its documentation, not run here."""

import ctypes
import sys

if sys.platform == "darwin":
    _HARDWARE_STATE = 1
    _ANY_INPUT = 0xFFFFFFFF
    _LIBRARY = "/System/Library/Frameworks/ApplicationServices.framework/ApplicationServices"

    def idle_seconds() -> float:
        """Seconds since the last input of this session. Raises OSError."""
        ask = ctypes.CDLL(_LIBRARY).CGEventSourceSecondsSinceLastEventType
        ask.restype = ctypes.c_double
        ask.argtypes = (ctypes.c_int32, ctypes.c_uint32)
        return float(ask(_HARDWARE_STATE, _ANY_INPUT))
