"""What this machine says of itself to the grid."""

import os
import platform
from pathlib import Path

import psutil

from volunteer.protocol.messages import Machine
from volunteer.protocol.version import NUMERICS, PROTOCOL, SOFTWARE

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def usable_threads() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def usable_memory() -> int:
    """Bytes of memory in this machine, or in the container around this process."""
    total = int(psutil.virtual_memory().total)
    try:
        limit = int(_CGROUP_LIMIT.read_text())
    except (OSError, ValueError):
        return total
    return min(total, limit)


def describe(threads: int | None, memory: int) -> Machine:
    """`memory` is what the person lends, in bytes."""
    return Machine(
        system=f"{platform.system()} {platform.release()}".strip()[:200] or "unknown",
        processor=f"{platform.machine()} {platform.processor()}".strip()[:200],
        threads=threads or usable_threads(),
        memory=memory,
        software=f"daig-volunteer {SOFTWARE}",
        protocol=PROTOCOL,
        numerics=NUMERICS,
    )
