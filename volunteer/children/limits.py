"""The resource limits a child process puts on itself before it looks at anything it was sent."""

import dataclasses
import os
import sys
from typing import Any


@dataclasses.dataclass(frozen=True)
class Limits:
    """None means unlimited. Sizes are bytes; `nice` is added to the process's niceness (0 to 19)."""

    address_space: int | None = None
    data: int | None = None
    cpu_seconds: int | None = None
    file_bytes: int | None = None
    open_files: int | None = None
    nice: int = 0

    def to_message(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


IDLE_PRIORITY_CLASS = 0x40


def apply(limits: Limits) -> None:
    """Lower this process's own limits (setrlimit(2), nice(2)). Where the system has no such limit, nothing happens."""
    if limits.nice and hasattr(os, "nice"):
        os.nice(limits.nice)
    if sys.platform == "win32":
        if limits.nice:
            _work_when_idle()
        return
    import resource

    # A core dump of a child would put a stranger's data on disk.
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: limits.address_space,
        resource.RLIMIT_DATA: limits.data,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NOFILE: limits.open_files,
    }
    for name, value in wanted.items():
        if value is None:
            continue
        _soft, hard = resource.getrlimit(name)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (ceiling, ceiling))


if sys.platform == "win32":
    import ctypes

    def _work_when_idle() -> None:
        """What niceness is on Windows. Written from its documentation, not run here."""
        this_process = ctypes.c_void_p(-1)
        ctypes.windll.kernel32.SetPriorityClass(this_process, IDLE_PRIORITY_CLASS)
