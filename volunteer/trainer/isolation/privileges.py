"""What a Linux process can lay down for good: new privileges, capabilities, core dumps (prctl(2), capset(2))."""

import ctypes
import os
import signal
import threading

_SET_DEATH_SIGNAL, _SET_DUMPABLE, _SET_NO_NEW_PRIVILEGES = 1, 4, 38
_CAPABILITY_VERSION_3 = 0x20080522


def alone() -> bool:
    """Whether this process has one thread. Counted by the system: libraries start threads that Python does not know."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return threading.active_count() == 1


def end_with_parent() -> bool:
    """Killed by the system when the thread ends that started this process: a suspended one sees no pipe close.

    Comes after all that changes credentials: that takes it back.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        return bool(libc.prctl(_SET_DEATH_SIGNAL, *map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0))) == 0)
    except (OSError, AttributeError):
        return False


def lay_down_privileges() -> bool:
    """No program started later gains privileges, root's own are dropped, and nobody of this user may look inside.

    A core dump would put a stranger's data on disk; a process that cannot be dumped cannot be traced either.
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        # All capability sets of this process, empty: a version, then two times three words of bits.
        header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
        done = [
            libc.prctl(_SET_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))),
            libc.prctl(_SET_DUMPABLE, *map(ctypes.c_ulong, (0, 0, 0, 0))),
            libc.capset(header, nothing),
        ]
    except (OSError, AttributeError):
        return False
    return not any(done)
