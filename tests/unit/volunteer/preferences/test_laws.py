"""Each preference that keeps a computer from working says so in a sentence; what cannot be told is not guessed."""

import dataclasses
from datetime import datetime

import pytest

from volunteer.preferences.laws import Code, Readings, reasons, running_of
from volunteer.preferences.preferences import Preferences

MONDAY_NOON = datetime(2026, 11, 23, 12, 0)
IDLE = Preferences(run="idle", idle_minutes=5)


def said(preferences, readings=None, now=MONDAY_NOON):
    return [reason.sentence for reason in reasons(preferences, readings or Readings(), now)]


def test_without_wishes_it_works_even_where_no_sensor_does():
    assert said(Preferences()) == []


@pytest.mark.parametrize(
    ("preferences", "readings", "sentence"),
    [
        (IDLE, Readings(idle_seconds=179.9), "Waiting: the computer is in use (idle for 2 of 5 minutes)."),
        (
            dataclasses.replace(IDLE, idle_minutes=1), Readings(idle_seconds=0),
            "Waiting: the computer is in use (idle for 0 of 1 minute).",
        ),
        (Preferences(), Readings(on_battery=True), "Waiting: the computer runs on battery."),
        (
            Preferences(pause_while=("Blender.exe",)), Readings(programs=frozenset({"blender", "sh"})),
            "Waiting: Blender.exe is running.",
        ),
        (
            Preferences(pause_while=("zoom", "blender")), Readings(programs=frozenset({"/bin/blender", "Zoom.EXE"})),
            "Waiting: zoom and blender are running.",
        ),
        (
            Preferences(hours=("18:00-08:00",)), Readings(),
            "Waiting: outside of its hours (next: today 18:00).",
        ),
        (
            Preferences(hours=("08:00-10:00",)), Readings(),
            "Waiting: outside of its hours (next: tomorrow 08:00).",
        ),
        (
            Preferences(hours=("sat,sun 09:30-12:00",)), Readings(),
            "Waiting: outside of its hours (next: Saturday 09:30).",
        ),
        (Preferences(), Readings(free_disk=499_999_999), "Waiting: less than 500 MB of disk are free."),
    ],
)  # fmt: skip
def test_each_reason_is_said(preferences, readings, sentence):
    assert said(preferences, readings) == [sentence]


@pytest.mark.parametrize(
    ("preferences", "readings"),
    [
        (IDLE, Readings(idle_seconds=300)),
        (Preferences(idle_minutes=5), Readings(idle_seconds=0)),
        (Preferences(on_battery=True), Readings(on_battery=True)),
        (Preferences(), Readings(on_battery=False)),
        (Preferences(), Readings(on_battery=None)),
        (Preferences(pause_while=("blender",)), Readings(programs=frozenset({"blender-thumbnailer"}))),
        (Preferences(hours=("12:00-12:01",)), Readings()),
        (Preferences(), Readings(free_disk=500_000_000)),
    ],
)
def test_what_is_allowed_is_no_reason(preferences, readings):
    assert said(preferences, readings) == []


def test_unknown_idleness_is_never_taken_for_idle():
    (reason,) = reasons(IDLE, Readings(idle_seconds=None), MONDAY_NOON)
    assert reason.code is Code.idle_unknown
    assert "run = always" in reason.sentence


def test_all_reasons_are_told_and_the_longest_lasting_first():
    everything = dataclasses.replace(IDLE, hours=("18:00-19:00",), pause_while=("zoom",))
    readings = Readings(idle_seconds=1.0, on_battery=True, programs=frozenset({"zoom"}), free_disk=0)
    codes = [reason.code for reason in reasons(everything, readings, MONDAY_NOON)]
    assert codes == [Code.hours, Code.battery, Code.program, Code.in_use, Code.disk]


def test_programs_are_known_by_any_spelling():
    assert running_of(["C:\\Games\\Chess.exe", "go"], ["chess", "Gopher"]) == ["C:\\Games\\Chess.exe"]
