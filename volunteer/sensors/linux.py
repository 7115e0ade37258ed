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
    """Keeps to a place as long as it answers, and now and then looks whether a better one has opened."""

    def __init__(self, places: Sequence[Callable[[], Place]] | None = None, clock: Clock = time.monotonic) -> None:
        """`places`: the best first."""
        self._places = places_of(os.environ) if places is None else places
        self._clock = clock
        self._place: Place | None = None
        self._rank = len(self._places)
        self._looked: float | None = None

    def seconds(self) -> float | None:
        """None when nobody answers."""
        if self._place is not None:
            try:
                seconds = self._place.seconds()
            except Exception as error:
                _log.info("idle time is no longer told by %s: %s", type(self._place).__name__, error)
                self.close()
            else:
                better = self._look() if self._rank and self._may_look() else None
                return seconds if better is None else better
        return self._look() if self._may_look() else None

    def close(self) -> None:
        """Let go of the place; a later question finds one again."""
        place, self._place, self._rank = self._place, None, len(self._places)
        _close(place)

    def _may_look(self) -> bool:
        return self._looked is None or self._clock() - self._looked >= LOOK_AGAIN_SECONDS

    def _look(self) -> float | None:
        """Asks the places that are better than the one there is, if any, and moves to the first that answers."""
        self._looked = self._clock()
        for rank, connect in enumerate(self._places[: self._rank]):
            place = None
            try:
                place = connect()
                seconds = place.seconds()
            except Exception as error:
                # A server that is not there, a service that is not, a protocol that it does not speak.
                _log.debug("no idle time there: %s: %s", type(error).__name__, error)
                _close(place)
                continue
            self.close()
            self._place, self._rank = place, rank
            _log.info("idle time is told by %s", type(place).__name__)
            return seconds
        if self._place is None:
            _log.info("nothing in this session tells idle time")
        return None


def _close(place: Place | None) -> None:
    if place is not None:
        with contextlib.suppress(Exception):
            place.close()


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
