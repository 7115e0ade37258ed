"""The box on Linux: a network of its own, Landlock, seccomp; each may be missing, and then it is said what that means.

In this order: a filter of system calls would forbid the others.
"""

from collections.abc import Sequence
from pathlib import Path

from volunteer.trainer.isolation import landlock, namespaces, privileges, reach, seccomp

ALL_FILES = "Training could read your files: this Linux has no Landlock (it came with 5.13, and can be switched off)."
EMPTIED_FILES = "Training could empty your files: the Landlock of this Linux is older than 6.2."
MODES = "Training could change who may read your files: this Linux does not let it filter system calls (seccomp)."
NETWORK = "Training could reach the network: this Linux allows neither a network of its own nor seccomp."
PROGRAMS = "Training could start or disturb other programs of yours: this Linux has no seccomp for it."
TOO_LATE = "Training is not boxed in: its process had threads before it could shut itself in."


def confine(folder: Path, readable: Sequence[Path], gpu: bool) -> list[str]:
    """See `box.confine`."""
    if not privileges.alone():
        return [TOO_LATE]
    allowed = _allowed(folder, readable, gpu)
    no_network = namespaces.leave_network()
    privileges.lay_down_privileges()
    privileges.end_with_parent()
    return missing(no_network, landlock.shut_in(allowed), seccomp.forbid())


def missing(no_network: bool, landlock_version: int, filtered: bool) -> list[str]:
    """What stays open, given which means took hold."""
    gaps = []
    if landlock_version == 0:
        gaps.append(ALL_FILES)
    elif not filtered:
        gaps.append(MODES)
    if 0 < landlock_version < landlock.SINCE_TRUNCATE:
        gaps.append(EMPTIED_FILES)
    if not (no_network or filtered):
        gaps.append(NETWORK)
    if not filtered:
        gaps.append(PROGRAMS)
    return gaps


def _allowed(folder: Path, readable: Sequence[Path], gpu: bool) -> dict[Path, int]:
    allowed = dict.fromkeys((*reach.readable_paths(folder, gpu), *readable), landlock.READ)
    allowed[Path("/dev/null")] = landlock.READ_FILE | landlock.WRITE_FILE
    if gpu:
        devices = landlock.READ | landlock.WRITE_FILE | landlock.USE_DEVICE
        allowed |= dict.fromkeys(reach.gpu_devices(), devices)
    return {**allowed, folder: landlock.WORK}
