"""What is asked of psutil and the file system, alike on every platform: battery, programs, free disk."""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from volunteer.preferences.laws import program_key


def on_battery() -> bool | None:
    """None where there is no battery, or no telling."""
    battery = getattr(psutil, "sensors_battery", lambda: None)()
    if battery is None or battery.power_plugged is None:
        return None
    return not battery.power_plugged


def running(wanted: Iterable[str]) -> frozenset[str]:
    """The names, as the system gives them, of running programs that are wanted; this host's own do not count."""
    keys = {program_key(name) for name in wanted}
    own = os.getpid()
    found = set()
    for process in psutil.process_iter(["name"]):
        name = process.info["name"] or ""
        if program_key(name) in keys and process.pid != own and _parent(process) != own:
            found.add(name)
    return frozenset(found)


def free_disk(folders: Sequence[Path]) -> int | None:
    """Bytes that are left where there is least; a folder that is not there yet counts as its parent."""
    return min((shutil.disk_usage(_existing(folder)).free for folder in folders), default=None)


def _parent(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.Error:
        return None


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
