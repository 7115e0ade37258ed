"""One way into the box for every system. Knows which means a system has, not how they work."""

import sys
from collections.abc import Sequence
from pathlib import Path

NOTHING_KNOWN = "Training is not boxed in: this program knows no means for that on this system."


def confine(folder: Path, readable: Sequence[Path] = (), gpu: bool = False, memory: int | None = None) -> list[str]:
    """Give up, for ever, what computing does not need. What stays open is returned, a sentence for each gap.

    Afterwards this process writes below `folder` only, and reads there, below `readable` and what Python and its
    libraries need. `gpu`: it may use the graphics processors. `memory`: bytes, for systems
    whose limit on it is part of the box. Must come before the process has a second thread and
    before it sees a stranger's byte. Never raises: what cannot be done is said.
    """
    if sys.platform == "linux":
        from volunteer.trainer.isolation import linux

        return linux.confine(folder, readable, gpu)
    if sys.platform == "darwin":
        from volunteer.trainer.isolation import macos

        return macos.confine(folder, readable)
    if sys.platform == "win32":
        from volunteer.trainer.isolation import windows

        return windows.confine(folder, memory)
    return [NOTHING_KNOWN]
