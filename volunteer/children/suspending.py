"""Stopping a process, letting it go on, ending it: by signals (signal(7)); on Windows psutil stops its threads one by
one.
"""

import contextlib
import sys

if sys.platform == "win32":
    import psutil

    def suspend(pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).suspend()

    def resume(pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).resume()

    def end(pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).kill()

else:
    import os
    import signal

    def suspend(pid: int) -> None:
        """Stop the process that leads a group of its own, and the group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGSTOP)

    def resume(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)

    def end(pid: int) -> None:
        """Kill it with all that it has started: what is left would hold its pipes open."""
        # macOS forbids it where all have ended already.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
