"""The box on macOS: a profile of the sandbox of its own services (sandbox(7)), by ctypes. Written, not run here."""

import ctypes
import json
from collections.abc import Sequence
from pathlib import Path

from volunteer.trainer.isolation import reach

NO_SANDBOX = "Training is not boxed in: this macOS does not take the sandbox's profile ({reason})."
# Later lines win over earlier ones. Reading metadata stays allowed: libraries look where things are.
_PROFILE = """(version 1)
(allow default)
(deny network*)
(deny process-exec*)
(deny process-fork)
(deny signal (target others))
(deny file-write*)
(deny file-read-data (subpath "/Users") (subpath "/Volumes") (subpath "/private/var/root"))
(allow file-read* {readable})
(allow file-read* file-write* (subpath {folder}))
(allow file-write-data (literal "/dev/null"))
"""


def profile(folder: Path, readable: Sequence[Path]) -> str:
    """What the process may do from now on, in the sandbox's language."""
    paths = (*reach.python_paths(folder), *readable)
    every = " ".join(f"(subpath {_quoted(path)})" for path in paths)
    return _PROFILE.format(readable=every, folder=_quoted(folder))


def confine(folder: Path, readable: Sequence[Path]) -> list[str]:
    """See `box.confine`."""
    error = ctypes.c_char_p()
    try:
        system = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
        failed = system.sandbox_init(profile(folder, readable).encode(), ctypes.c_uint64(0), ctypes.byref(error))
    except (OSError, AttributeError) as reason:
        return [NO_SANDBOX.format(reason=reason)]
    if failed:
        return [NO_SANDBOX.format(reason=(error.value or b"no reason given").decode("utf-8", "replace"))]
    return []


def _quoted(path: Path) -> str:
    return json.dumps(str(path.resolve()), ensure_ascii=False)
