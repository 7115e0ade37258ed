"""What the end of a trainer process, or an error in it, means for the unit it had. Pure decisions."""

import signal
from collections.abc import Iterator

from volunteer.children.child import ChildGone
from volunteer.errors import is_full
from volunteer.protocol.messages import GiveBackReason
from volunteer.trainer.job import Failed

_MEMORY_WORDS = ("bad_alloc", "memoryerror", "out of memory", "cannot allocate memory", "oom when allocating",
                 "resource exhausted", "resourceexhausted", "failed to allocate", "allocator ran out")  # fmt: skip
_KILLED = -getattr(signal, "SIGKILL", 9)
_ABORTED = {-getattr(signal, name, 0): name for name in ("SIGABRT", "SIGSEGV", "SIGBUS", "SIGTERM")}


def failure_of_death(gone: ChildGone) -> Failed:
    """Why a child that died twice on the same unit did so, as far as can be told.

    Linux's memory killer sends SIGKILL and leaves no words; a library that gets no memory under a limit aborts, and
    says so.
    """
    if gone.exit_code == _KILLED:
        return Failed(GiveBackReason.out_of_memory, "The trainer was killed, most likely for want of memory.")
    if speaks_of_memory(gone.last_words):
        return Failed(GiveBackReason.out_of_memory, "The trainer died for want of memory.")
    name = _ABORTED.get(gone.exit_code or 0, f"exit code {gone.exit_code}")
    return Failed(GiveBackReason.failed, f"The trainer died twice on this unit ({name}).")


def failure_of_error(error: BaseException) -> Failed:
    """Why an error inside the child ends its unit."""
    for link in _chain(error):
        name = type(link).__name__
        if name in ("MemoryError", "ResourceExhaustedError", "_ArrayMemoryError") or (
            name in ("InternalError", "UnknownError", "RuntimeError") and speaks_of_memory(str(link))
        ):
            return Failed(GiveBackReason.out_of_memory, _one_line(link))
        if is_full(link):
            # That is no fault of the unit's: whoever leased it knows this reason for it.
            return Failed(GiveBackReason.quitting, _one_line(link))
        if name == "Refused":
            return Failed(GiveBackReason.cannot_read, _one_line(link))
    return Failed(GiveBackReason.failed, _one_line(error))


def speaks_of_memory(words: str) -> bool:
    lower = words.lower()
    return any(word in lower for word in _MEMORY_WORDS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(10):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
