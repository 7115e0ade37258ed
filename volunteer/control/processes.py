"""The processes that people see: keeps the icon's alive and opens windows. What becomes of them never hurts the app."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from volunteer.children.programs import command
from volunteer.control.messages import Done, Window
from volunteer.errors import StopAndTell

_log = logging.getLogger(__name__)

# Seconds until an icon's process that ended is started again: the first time, and at most.
FIRST_REST, LONGEST_REST = 1.0, 300.0
# One that lived as long as this was well.
LIVED_WELL = 60.0
# A desktop without a tray may get one: a panel that starts late, an extension that is switched on.
NO_TRAY_RESTS = (60.0, 300.0, 1800.0)
# An icon that dies so often at once cannot be shown here, although it does not say so.
MOST_QUICK_ENDS = 3
END_SECONDS = 1.0
# What says which desktop a process belongs to.
_SESSION = (
    "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_SESSION_TYPE",
    "XDG_SESSION_ID", "XDG_CURRENT_DESKTOP", "DESKTOP_SESSION",
)  # fmt: skip
NO_SESSION: Mapping[str, str] = MappingProxyType({})
"""Means: the one that this process belongs to."""
# What may hold words that somebody has begun to type stays as it is; the others come to the front by opening anew.
_KEPT_OPEN = frozenset({Window.preferences, Window.first_run})


class Started(Protocol):
    """A process, as far as this room is concerned."""

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def has_desktop(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody could see a window of this process."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def session_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a process finds its desktop."""
    return {name: environment[name] for name in _SESSION if environment.get(name)}


def start_process(arguments: Sequence[str], session: Mapping[str, str] = NO_SESSION) -> Started:
    """One that outlives a Ctrl-C in our terminal: we end it ourselves, after the work has been brought."""
    own = {name: value for name, value in os.environ.items() if not session or name not in _SESSION}
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, start_new_session=True, creationflags=flags, env={**own, **session}
    )


class DesktopProcesses:
    """See `commands.Desktop`. `options` go to every process, such as --home."""

    def __init__(
        self,
        options: Sequence[str] = (),
        start: Callable[[Sequence[str], Mapping[str, str]], Started] = start_process,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = tuple(options)
        self._start = start
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[Window, Started] = {}
        self._icon: Started | None = None
        self._session = NO_SESSION
        self._shown = False
        self._no_tray = 0
        self._told = False
        self._closing = threading.Event()
        self._end_by = 0.0
        self._stirred = threading.Event()

    def keep_icon(self, gone: Callable[[], None]) -> None:
        """Show the icon from now on; `gone` hears each time that its process has ended."""
        threading.Thread(target=self._keep, args=(gone,), name="icon", daemon=True).start()

    def show(self, window: Window, session: Mapping[str, str]) -> Done:
        """Open it, in front of the others. Raises StopAndTell when its process cannot be started.

        Where the icon is not to be seen, perhaps because its session has ended, it moves to this one.
        """
        session = session_of(session)
        with self._lock:
            if self._closing.is_set():
                raise StopAndTell("DAIG is ending.")
            if session and not self._shown and session != (self._session or session_of(os.environ)):
                self._move(session)
            before = self._windows.get(window)
            if before is not None and before.poll() is None:
                if window in _KEPT_OPEN:
                    return Done("That window is open already.")
                before.terminate()
            try:
                self._windows[window] = self._start(
                    command("volunteer.cli", "window", window.value, *self._options), session or self._session
                )
            except OSError as error:
                raise StopAndTell(f"The window cannot be opened: {error}") from None
        return Done()

    def tray_reported(self, shown: bool) -> None:
        """Where there is no tray, the window is what people have instead: it opens, the first time."""
        self._shown = shown
        self._no_tray = 0 if shown else self._no_tray + 1
        if shown or self._told:
            return
        self._told = True
        _log.info("this desktop shows no tray icons: the window opens instead")
        threading.Thread(target=self._show_instead, name="window", daemon=True).start()

    def begin_to_close(self) -> None:
        """Tell them all to end, and show nothing new."""
        with self._lock:
            if not self._closing.is_set():
                self._closing.set()
                self._stirred.set()
                self._end_by = self._clock() + END_SECONDS
                for one in self._open_ones():
                    one.terminate()

    def close(self) -> None:
        """End them all, within a second or so after they were told."""
        self.begin_to_close()
        for one in self._open_ones():
            try:
                one.wait(max(0.0, self._end_by - self._clock()))
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def _open_ones(self) -> list[Started]:
        return [one for one in (self._icon, *self._windows.values()) if one is not None and one.poll() is None]

    def _move(self, session: Mapping[str, str]) -> None:
        self._session, self._no_tray = session, 0
        self._stirred.set()
        if self._icon is not None and self._icon.poll() is None:
            # It waits for a panel that is gone.
            self._icon.terminate()

    def _show_instead(self) -> None:
        # Whoever is just being asked for the grid's address is left alone until that is done.
        first = self._windows.get(Window.first_run)
        if first is not None:
            first.wait()
        if self._closing.is_set():
            return
        try:
            self.show(Window.control, NO_SESSION)
        except StopAndTell as error:
            _log.warning("%s", error.sentence)

    def _keep(self, gone: Callable[[], None]) -> None:
        rest, quick = FIRST_REST, 0
        while not self._closing.is_set():
            began = self._clock()
            self._once()
            if self._closing.is_set():
                return
            gone()
            if self._clock() - began >= LIVED_WELL:
                rest, quick = FIRST_REST, 0
            elif (quick := quick + 1) == MOST_QUICK_ENDS and not self._no_tray:
                self.tray_reported(False)
            tried = self._no_tray
            self._stirred.wait(NO_TRAY_RESTS[min(tried, len(NO_TRAY_RESTS)) - 1] if tried else rest)
            self._stirred.clear()
            rest = min(rest * 2, LONGEST_REST)

    def _once(self) -> None:
        """From the start of the icon's process to its end."""
        try:
            with self._lock:
                if self._closing.is_set():
                    return
                self._icon = self._start(command("volunteer.cli", "tray", *self._options), self._session)
        except OSError as error:
            _log.warning("the tray icon's process cannot be started: %s", error)
            return
        code = self._icon.wait()
        self._shown = False
        _log.debug("the tray icon's process ended with %s", code)


class NoDesktop:
    """Stands in where nobody sees a window: without a display, or told --headless."""

    def show(self, window: Window, session: Mapping[str, str]) -> Done:
        """Never opens."""
        raise StopAndTell("DAIG runs here without windows. See `daig-volunteer status`, or --help for more.")

    def tray_reported(self, shown: bool) -> None:
        """An icon that somebody started by hand: let it be."""
