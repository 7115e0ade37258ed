"""What a command does where no app runs, and only there: an app that is just starting, or ending, is waited for."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from volunteer.cli.given import Given
from volunteer.control.client import NotRunning
from volunteer.errors import StopAndTell
from volunteer.spool.lock import IN_USE, LOCK_FILE, HomeLock

T = TypeVar("T")
# An app looks at its machine before it listens.
_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 0.05


def by_app_or_alone(given: Given, by_app: Callable[[], T], alone: Callable[[], T]) -> T:
    """`alone` is done while no app can start, which would have read what it changes. Raises what they raise, and
    StopAndTell where there is an app that cannot be asked."""
    until = monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return by_app()
        except NotRunning:
            pass
        try:
            lock = HomeLock(given.folders.state / LOCK_FILE)
        except StopAndTell as error:
            if error.code != IN_USE:
                raise
            if monotonic() >= until:
                raise StopAndTell("DAIG runs, but cannot be asked just now. Try again.", IN_USE) from None
            sleep(_LOOK_SECONDS)
            continue
        try:
            return alone()
        finally:
            lock.release()
