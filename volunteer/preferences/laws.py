"""May this computer work now? The preferences against what the sensors read, as values; each no with its sentence."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from volunteer.preferences.hours import allowed, next_start
from volunteer.preferences.preferences import Preferences

LEAST_DISK = 500 * 10**6
"""Bytes. With less than this left, the person's own work comes first."""


@dataclass(frozen=True)
class Readings:
    """`idle_seconds` and `on_battery` None: cannot be told here. `programs`: names of those that run, as the system
    gives them; `free_disk`: bytes, None where it cannot be told."""

    idle_seconds: float | None = None
    on_battery: bool | None = None
    programs: frozenset[str] = frozenset()
    free_disk: int | None = None


class Code(enum.StrEnum):
    """Which preference says no."""

    hours = "hours"
    battery = "battery"
    program = "program"
    in_use = "in_use"
    idle_unknown = "idle_unknown"
    disk = "disk"


@dataclass(frozen=True)
class Reason:
    """One reason not to work now."""

    code: Code
    sentence: str


def reasons(preferences: Preferences, readings: Readings, now: datetime) -> list[Reason]:
    """Why not to work now; nothing in it means: work. `now` is local time, as the clock on the wall shows it.

    The reason that will last longest comes first.
    """
    found = [
        _of_hours(preferences, now),
        _of_battery(preferences, readings),
        _of_programs(preferences, readings),
        _of_idleness(preferences, readings),
        _of_disk(readings),
    ]
    return [reason for reason in found if reason is not None]


def program_key(name: str) -> str:
    """What two names of the same program have in common: no folder, no capitals, no ".exe"."""
    return name.replace("\\", "/").rsplit("/", 1)[-1].strip().lower().removesuffix(".exe")


def running_of(wanted: Iterable[str], running: Iterable[str]) -> list[str]:
    """Those of the wanted names, as the person wrote them, under which a program runs."""
    keys = {program_key(name) for name in running}
    return [name for name in wanted if program_key(name) in keys]


def _of_hours(preferences: Preferences, now: datetime) -> Reason | None:
    if allowed(preferences.hours, now):
        return None
    start = next_start(preferences.hours, now)
    upcoming = "" if start is None else f" (next: {_day_and_time(start, now)})"
    return Reason(Code.hours, f"Waiting: outside of its hours{upcoming}.")


def _of_battery(preferences: Preferences, readings: Readings) -> Reason | None:
    # A machine that cannot tell has no battery.
    if preferences.on_battery or not readings.on_battery:
        return None
    return Reason(Code.battery, "Waiting: the computer runs on battery.")


def _of_programs(preferences: Preferences, readings: Readings) -> Reason | None:
    names = running_of(preferences.pause_while, readings.programs)
    if not names:
        return None
    return Reason(Code.program, f"Waiting: {' and '.join(names)} {'is' if len(names) == 1 else 'are'} running.")


def _of_idleness(preferences: Preferences, readings: Readings) -> Reason | None:
    if preferences.run != "idle":
        return None
    if readings.idle_seconds is None:
        # Unknown is not idle: somebody may be sitting there.
        return Reason(
            Code.idle_unknown,
            "Waiting: this computer does not say whether anybody uses it, so it is taken to be in use. "
            "To work all the same, set run = always, and hours if you like.",
        )
    if readings.idle_seconds >= preferences.idle_minutes * 60:
        return None
    minutes = int(readings.idle_seconds // 60)
    unit = "minute" if preferences.idle_minutes == 1 else "minutes"
    return Reason(
        Code.in_use, f"Waiting: the computer is in use (idle for {minutes} of {preferences.idle_minutes} {unit})."
    )


def _of_disk(readings: Readings) -> Reason | None:
    if readings.free_disk is None or readings.free_disk >= LEAST_DISK:
        return None
    return Reason(Code.disk, f"Waiting: less than {LEAST_DISK // 10**6} MB of disk are free.")


def _day_and_time(start: datetime, now: datetime) -> str:
    today = now.date()
    if start.date() == today:
        day = "today"
    elif start.date() == today + timedelta(days=1):
        day = "tomorrow"
    else:
        day = start.strftime("%A")
    return f"{day} {start:%H:%M}"
