"""Takes the network away from this process where Linux lets an ordinary person do that (user_namespaces(7))."""

import ctypes
import os
import tempfile

from volunteer.trainer.isolation.privileges import alone

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


def leave_network() -> bool:
    """Whether this process has no network any more. Must come before the process has a second thread.

    The new network is empty, not even loopback is up. The user stays who they were, so files stay readable.
    """
    return alone() and _works_in_a_copy() and _unshare()


def _unshare() -> bool:
    user, group = os.getuid(), os.getgid()
    try:
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER | _NEW_NETWORK) != 0:
            return False
        for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(line)
    except (OSError, AttributeError):
        return False
    return True


def _works_in_a_copy() -> bool:
    """Try it in a fork first: a half-made namespace, in which no file can be written, cannot be left again."""
    copy = os.fork()
    if copy == 0:
        works = False
        try:
            if _unshare():
                with tempfile.TemporaryFile(dir=os.getcwd()):
                    works = True
        finally:
            os._exit(0 if works else 1)
    return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == 0
