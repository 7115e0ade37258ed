"""Why a start failed, for somebody who started it by a click and reads no terminal."""

import contextlib
import html
import shutil
import subprocess
import sys

from volunteer.control.processes import has_desktop

_NOTIFY_SECONDS = 5.0


def nobody_reads_along() -> bool:
    """Whether there is a desktop, and what is printed goes to no terminal."""
    return has_desktop() and (sys.stderr is None or not sys.stderr.isatty())


def show(sentence: str) -> None:
    """In a window, until it is closed; where this Python draws none, as a notification, where those can be sent."""
    try:
        from volunteer.windows.telling import tell
    except ImportError:
        _notify(sentence)
        return
    tell(sentence)


def _notify(sentence: str) -> None:
    program = shutil.which("notify-send")
    if program is not None:
        # Desktops may read markup in the sentence.
        words = ["--app-name=DAIG", "--", "DAIG", html.escape(sentence, quote=False)]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([program, *words], timeout=_NOTIFY_SECONDS, check=False)
