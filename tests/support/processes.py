"""Processes by the folder that they work in: also those whose parents are gone."""

import contextlib
from pathlib import Path

import psutil


def below(folder: Path, words: str = "") -> list[psutil.Process]:
    """Those that work in `folder` or below it, and whose command line holds the words."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(one.cwd()).is_relative_to(folder) and words in " ".join(one.cmdline()):
                found.append(one)
    return found


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Processor time that they have taken so far, their children's not counted."""
    return sum(times.user + times.system for times in (one.cpu_times() for one in processes))


def has_loaded(process: psutil.Process, library: str) -> bool:
    """Whether a shared library of that name is in the process's memory (Linux)."""
    return library in Path(f"/proc/{process.pid}/maps").read_text("utf-8", errors="replace")
