"""Sensors cost little, never fail loudly, and read only what the preferences ask for."""

import logging
import os
import subprocess
import sys
import time

import pytest

from volunteer.preferences.laws import Readings
from volunteer.preferences.preferences import Preferences
from volunteer.sensors import machine
from volunteer.sensors.sensor import Sensor
from volunteer.sensors.sensors import MachineSensors, of_this_machine


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_reading_is_kept_for_its_time():
    clock, readings = Clock(), iter(range(10))
    sensor = Sensor("x", lambda: next(readings), 5.0, clock, cost=lambda: 0.0)
    assert [sensor.value(), sensor.value()] == [0, 0]
    clock.now += 4.9
    assert sensor.value() == 0
    clock.now += 0.2
    assert sensor.value() == 1


def test_a_costly_reading_is_taken_less_often():
    clock, used = Clock(), Clock()

    def read():
        used.now += 0.04
        return used.now

    sensor = Sensor("x", read, 5.0, clock, used, share=0.002)
    first = sensor.value()
    clock.now += 19.9
    assert sensor.value() == first
    clock.now += 0.2
    assert sensor.value() != first


def test_a_sensor_that_fails_gives_nothing_and_says_so_once(caplog):
    clock, works = Clock(), []

    def read():
        if not works:
            raise RuntimeError("no such device")
        return 1

    sensor = Sensor("the battery", read, 0.0, clock, cost=lambda: 0.0)
    with caplog.at_level(logging.INFO):
        assert [sensor.value() for _ in range(3)] == [None] * 3
        works.append(True)
        assert sensor.value() == 1
        works.clear()
        assert sensor.value() is None
    assert [record.message for record in caplog.records] == [
        "the battery cannot be told here: RuntimeError: no such device"
    ] * 2


def test_only_what_the_preferences_need_is_read(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("volunteer.sensors.sensors.on_battery", lambda: asked.append("battery") or True)
    monkeypatch.setattr("volunteer.sensors.sensors.running", lambda wanted: asked.append(wanted) or frozenset(wanted))
    clock = Clock()
    sensors = MachineSensors(lambda: asked.append("idle") or 7.0, (tmp_path,), clock)
    free = sensors.read(Preferences(on_battery=True)).free_disk
    assert asked == []
    assert free is not None
    assert free > 0
    everything = Preferences(run="idle", pause_while=("zoom",))
    assert sensors.read(everything) == Readings(7.0, True, frozenset({"zoom"}), free)
    assert asked == ["idle", "battery", ("zoom",)]
    # Another list of programs counts at once.
    assert sensors.read(Preferences(run="idle", pause_while=("chess",))).programs == {"chess"}
    clock.now += 1.1
    sensors.read(everything)
    assert asked[3:] == [("chess",), "idle", ("zoom",)]


@pytest.mark.parametrize(
    ("battery", "expected"),
    [(None, None), ({"power_plugged": None}, None), ({"power_plugged": True}, False), ({"power_plugged": False}, True)],
)
def test_no_battery_means_no_telling(monkeypatch, battery, expected):
    value = None if battery is None else type("Battery", (), battery)
    monkeypatch.setattr(machine.psutil, "sensors_battery", lambda: value, raising=False)
    assert machine.on_battery() is expected


def test_a_system_without_battery_sensors_has_no_battery(monkeypatch):
    monkeypatch.delattr(machine.psutil, "sensors_battery", raising=False)
    assert machine.on_battery() is None


@pytest.mark.skipif(sys.platform == "win32", reason="a program is a link here")
def test_a_running_program_is_found_and_this_hosts_own_are_not(tmp_path):
    name = f"daigprog{os.getpid() % 10000}"
    (tmp_path / name).symlink_to("/bin/sleep")
    own = subprocess.Popen([tmp_path / name, "30"])
    # The shell ends, so that this one is nobody's child.
    line = f"{tmp_path / name} 30 >/dev/null 2>&1 & echo $!"
    try:
        assert machine.running([name]) == frozenset()
        other = int(subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout)
        try:
            deadline = time.monotonic() + 5
            while machine.running([name.upper(), "nothing"]) != {name}:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            os.kill(other, 9)
    finally:
        own.kill()
        own.wait()


def test_free_disk_is_the_least_and_of_the_parent_where_there_is_no_folder_yet(tmp_path):
    assert machine.free_disk([]) is None
    free = machine.free_disk([tmp_path / "not" / "yet", tmp_path])
    assert free is not None
    assert free > 0


def test_this_machine_can_be_read_without_a_desktop(monkeypatch, tmp_path):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    readings = of_this_machine(tmp_path).read(Preferences(run="idle"))
    assert readings.free_disk
    assert readings.idle_seconds is None or readings.idle_seconds >= 0
