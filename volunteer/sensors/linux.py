"""Idle time on Linux: the first of the places that answers in this session. Each place has a file of its own."""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from volunteer.sensors.dbus import LoginManager, Mutter, ScreenSaver
from volunteer.sensors.sensor import Clock
from volunteer.sensors.wayland import WaylandIdle
from volunteer.sensors.x11 import XIdle

LOOK_AGAIN_SECONDS = 60.0
"""A session that offered nothing may offer something later: its services start one after the other."""
_log = logging.getLogger(__name__)


class Place(Protocol):
    """Constructed, it is connected. Both its constructor and `seconds` raise any exception when there is no answer."""

    def seconds(self) -> float: ...

    def close(self) -> None: ...


class IdleTime:
    """Keeps to one place as long as it answers."""

    def __init__(self, places: Sequence[Callable[[], Place]] | None = None, clock: Clock = time.monotonic) -> None:
        self._places = places_of(os.environ) if places is None else places
        self._clock = clock
        self._place: Place | None = None
        self._looked: float | None = None

    def seconds(self) -> float | None:
        """None when nobody answers."""
        if self._place is not None:
            try:
                return self._place.seconds()
            except Exception as error:
                _log.info("idle time is no longer told by %s: %s", type(self._place).__name__, error)
                self.close()
        if self._looked is not None and self._clock() - self._looked < LOOK_AGAIN_SECONDS:
            return None
        self._looked = self._clock()
        return self._look()

    def close(self) -> None:
        """Let go of the place; the next question finds one again."""
        place, self._place = self._place, None
        if place is not None:
            with contextlib.suppress(Exception):
                place.close()

    def _look(self) -> float | None:
        for connect in self._places:
            try:
                self._place = connect()
                seconds = self._place.seconds()
            except Exception as error:
                # A server that is not there, a service that is not, a protocol that it does not speak.
                _log.debug("no idle time there: %s: %s", type(error).__name__, error)
                self.close()
                continue
            _log.info("idle time is told by %s", type(self._place).__name__)
            return seconds
        _log.info("nothing in this session tells idle time")
        return None


def places_of(environment: Mapping[str, str]) -> list[Callable[[], Place]]:
    """Where to ask in such a session, the most exact first."""
    wayland = environment.get("WAYLAND_DISPLAY")
    if wayland or environment.get("XDG_SESSION_TYPE") == "wayland":
        # An X server within Wayland sees only what is typed into its own windows.
        folder = environment.get("XDG_RUNTIME_DIR", "")
        return [Mutter, lambda: WaylandIdle(os.path.join(folder, wayland or "wayland-0")), ScreenSaver, LoginManager]
    display = environment.get("DISPLAY")
    if display:
        return [lambda: XIdle(display), Mutter, ScreenSaver, LoginManager]
    return [LoginManager]
