"""How many bytes this request may still write: its account's share, and what must stay free on the disk."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from server.intake import bounds

_most: int | None = None
_least_free = bounds.LEAST_FREE


class NoRoom(Exception):
    """Of no kind that a damaged file provokes. The message is for the person."""


@contextlib.contextmanager
def allotted(most: int | None, least_free: int) -> Iterator[None]:
    """For one request, of which a process serves one at a time. `most`: None where there is no account."""
    global _most, _least_free
    before = _most, _least_free
    _most, _least_free = most, least_free
    try:
        yield
    finally:
        _most, _least_free = before


def take(folder: Path, size: int) -> None:
    """Before `size` bytes are written into the folder. Raises NoRoom, and OSError where the disk is full."""
    global _most
    if _most is not None:
        if size > _most:
            raise NoRoom(
                f"Unpacked and converted, the data takes {size:,} bytes more, and your account has room for {_most:,}. "
                "Start or discard other drafts or uploads first."
            )
        _most -= size
    if shutil.disk_usage(folder).free - size < _least_free:
        raise OSError(errno.ENOSPC, "converting would fill the disk")
