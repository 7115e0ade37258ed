"""The one folder that is a child's: how much is in it, and emptying it, whatever a stranger's code has left there."""

import contextlib
import os
import secrets
from pathlib import Path

_BLOCK = 512


def holds_more(folder: Path, entries: int, size: int) -> bool:
    """Whether more files and folders lie in it than `entries`, or more bytes of disk than `size`. It looks no further
    than that, and what it cannot look into counts as too much."""
    rest = [os.fspath(folder)]
    while rest:
        try:
            with os.scandir(rest.pop()) as found:
                for entry in found:
                    entries -= 1
                    # It may be gone again.
                    with contextlib.suppress(FileNotFoundError):
                        size -= _bytes_of(entry.stat(follow_symlinks=False))
                    if entries < 0 or size < 0:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        rest.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:
            # A path that is too long for the system, among others.
            return True
    return False


def clear(folder: Path) -> None:
    """Delete all that lies in it and can be deleted. However deep it is nested, no path gets longer than two names."""
    stuck: set[str] = set()
    while names := [name for name in _names_in(folder) if name not in stuck]:
        stuck.update(name for name in names if not _delete(folder, folder / name))


def _bytes_of(found: os.stat_result) -> int:
    """Of disk: a file may be long and take none."""
    blocks: int | None = getattr(found, "st_blocks", None)
    return found.st_size if blocks is None else blocks * _BLOCK


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _delete(folder: Path, path: Path) -> bool:
    try:
        if not path.is_dir() or path.is_symlink():
            path.unlink(missing_ok=True)
            return True
        for name in os.listdir(path):
            inner = path / name
            if inner.is_dir() and not inner.is_symlink():
                # Its turn comes later, from the top.
                os.rename(inner, folder / secrets.token_hex(16))
            else:
                inner.unlink(missing_ok=True)
        path.rmdir()
    except OSError:
        return False
    return True
