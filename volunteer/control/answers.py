"""Which request does what: one table from the messages to the app, its windows and its preferences."""

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path

from volunteer.control.commands import Commands, Desktop
from volunteer.control.messages import (
    AttachRequest,
    CheckForUpdates,
    DetachRequest,
    Done,
    GetPreferences,
    InstallUpdate,
    LinkRequest,
    PauseRequest,
    PreferenceValues,
    QuitRequest,
    Reply,
    Request,
    ResumeRequest,
    SetPreferences,
    ShowRequest,
    Status,
    StatusRequest,
    TrayReport,
    Value,
)
from volunteer.errors import RetryLater
from volunteer.preferences.file import change, load
from volunteer.preferences.preferences import Preferences

# How often one who waits is looked after: a program that was killed does not hold its place for a minute.
LOOK_EVERY_SECONDS = 2.0
# Fewer than the server has places, so that a pause always finds one.
MOST_WAITING = 16


def values(preferences: Preferences) -> dict[str, Value]:
    """Each preference by its name; tuples as lists."""
    chosen: dict[str, Value] = {}
    for name, value in dataclasses.asdict(preferences).items():
        chosen[name] = list(value) if isinstance(value, tuple) else value
    return chosen


class Answers:
    """Called by the control server, from many threads. `folder` holds the preferences' file."""

    def __init__(self, commands: Commands, desktop: Desktop, folder: Path) -> None:
        self._commands = commands
        self._desktop = desktop
        self._folder = folder
        # One change of the preferences at a time.
        self._changing = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def __call__(self, request: Request, still_there: Callable[[], bool]) -> Reply:
        """Raises VolunteerError with a sentence when it cannot be done."""
        match request:
            case StatusRequest():
                return self._status(request, still_there)
            case GetPreferences():
                return PreferenceValues(values(load(self._folder)))
            case SetPreferences():
                return self._set(request)
            case PauseRequest():
                self._commands.pause(request.until, request.after_unit)
            case ResumeRequest():
                self._commands.resume()
            case QuitRequest():
                self._commands.quit()
            case AttachRequest():
                return self._commands.attach(request)
            case LinkRequest():
                return self._commands.link(request)
            case DetachRequest():
                return self._commands.detach()
            case ShowRequest():
                return self._desktop.show(request.window, request.session)
            case TrayReport():
                self._commands.tray_shown(request.shown)
                self._desktop.tray_reported(request.shown)
            case CheckForUpdates():
                return self._commands.check_for_updates()
            case InstallUpdate():
                return self._commands.install_update()
        return Done()

    def _status(self, request: StatusRequest, still_there: Callable[[], bool]) -> Status:
        if request.after is None:
            return self._commands.status()
        if not self._waiting.acquire(blocking=False):
            raise RetryLater("Too many programs wait for news of the app.", "busy")
        try:
            return self._wait(request.after, request.wait_seconds, still_there)
        finally:
            self._waiting.release()

    def _wait(self, version: int, seconds: float, still_there: Callable[[], bool]) -> Status:
        while True:
            status = self._commands.wait_for_change(version, min(seconds, LOOK_EVERY_SECONDS))
            seconds -= LOOK_EVERY_SECONDS
            if status.version != version or seconds <= 0 or not still_there():
                return status

    def _set(self, request: SetPreferences) -> PreferenceValues:
        with self._changing:
            preferences = change(self._folder, request.changes)
        self._commands.reload_preferences()
        return PreferenceValues(values(preferences))
