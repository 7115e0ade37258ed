"""All that the preferences' laws want to know of this machine, each read no more often than it is worth."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from volunteer.preferences.laws import Readings
from volunteer.preferences.preferences import Preferences
from volunteer.sensors.machine import free_disk, on_battery, running
from volunteer.sensors.sensor import Clock, Sensor

IDLE_SECONDS = 0.5
"""How soon the host notices that its person is back."""
SLOW_SECONDS = 5.0
PROGRAMS_SHARE = 0.002
"""Of one processor, for looking through all programs: on a machine with many it is done less often."""


class Sensors(Protocol):
    """Reads what these preferences need, and nothing else. Never raises."""

    def read(self, preferences: Preferences) -> Readings: ...


class MachineSensors:
    """For several threads, one after the other: what is below is for one at a time."""

    def __init__(
        self, idle_seconds: Callable[[], float | None], folders: tuple[Path, ...] = (), clock: Clock = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._wanted: tuple[str, ...] = ()
        self._clock = clock
        self._idle = Sensor("idle time", idle_seconds, IDLE_SECONDS, clock)
        self._battery = Sensor("the battery", on_battery, SLOW_SECONDS, clock)
        self._disk = Sensor("free disk space", lambda: free_disk(folders), SLOW_SECONDS, clock)
        self._programs = self._programs_sensor()

    def read(self, preferences: Preferences) -> Readings:
        with self._lock:
            return self._read(preferences)

    def _read(self, preferences: Preferences) -> Readings:
        if preferences.pause_while != self._wanted:
            self._wanted = preferences.pause_while
            self._programs = self._programs_sensor()
        return Readings(
            idle_seconds=self._idle.value() if preferences.run == "idle" else None,
            on_battery=None if preferences.on_battery else self._battery.value(),
            programs=(self._programs.value() or frozenset()) if self._wanted else frozenset(),
            free_disk=self._disk.value(),
        )

    def _programs_sensor(self) -> Sensor[frozenset[str]]:
        wanted = self._wanted
        return Sensor("the running programs", lambda: running(wanted), SLOW_SECONDS, self._clock, share=PROGRAMS_SHARE)


def of_this_machine(*folders: Path) -> Sensors:
    """`folders`: where disk space is watched."""
    if sys.platform == "win32":
        from volunteer.sensors.windows import idle_seconds
    elif sys.platform == "darwin":
        from volunteer.sensors.macos import idle_seconds
    else:
        from volunteer.sensors.linux import IdleTime

        idle_seconds = IdleTime().seconds
    return MachineSensors(idle_seconds, folders)
