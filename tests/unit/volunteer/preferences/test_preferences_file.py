"""volunteer.toml: what a person chose is kept, explained, and never lost to a mistake."""

import dataclasses
import threading
import tomllib

import pytest

from volunteer.config import read_settings
from volunteer.errors import StopAndTell
from volunteer.preferences.file import change, keep_settings, load, overridden, parse_value, save
from volunteer.preferences.preferences import Preferences
from volunteer.preferences.table import NAMES, describe, entry_of

ODD = Preferences(
    run="idle", idle_minutes=7, on_battery=True, hours=("mon-fri 18:00-08:00", "sat,sun 00:00-24:00"), threads=2,
    cpu_percent=50, memory=2048, cache=100, pause_while=("blender", "My Game"), download_limit=10, upload_limit=20,
    start_at_login=False, gpu=True,
)  # fmt: skip


def test_the_table_has_every_preference_once_in_order():
    assert tuple(field.name for field in dataclasses.fields(Preferences)) == NAMES
    for entry in describe():
        assert entry.label, entry.name
        assert entry.help.endswith("."), entry.name


def test_what_is_saved_is_what_is_loaded(tmp_path):
    assert load(tmp_path) == Preferences()
    save(tmp_path, ODD)
    assert load(tmp_path) == ODD
    assert (tmp_path / "volunteer.toml").stat().st_mode & 0o777 == 0o600
    save(tmp_path, Preferences())
    assert load(tmp_path) == Preferences()


def test_the_file_explains_every_preference_and_stays_toml(tmp_path):
    save(tmp_path, dataclasses.replace(Preferences(), cpu_percent=50))
    text = (tmp_path / "volunteer.toml").read_text("utf-8")
    assert tomllib.loads(text) == {"cpu_percent": 50}
    plain = " ".join(text.replace("# ", "").split())
    for entry in describe():
        assert entry.help in plain, entry.name
    assert "# idle_minutes = 5" in text
    assert "# threads: all" in text


def test_settings_and_preferences_live_in_one_file_and_keep_each_other(tmp_path):
    config = tmp_path / "config"
    keep_settings(config, {"server": "https://grid.example", "name": "steady"})
    change(config, {"threads": "3"})
    keep_settings(config, {"name": None})
    assert load(config).threads == 3
    settings = read_settings({"home": str(tmp_path)}, {}, lambda: "")
    assert settings.server == "https://grid.example"
    assert settings.name != "steady"


def test_two_who_write_at_once_lose_nothing_of_each_other(tmp_path):
    def name_it():
        for number in range(20):
            keep_settings(tmp_path, {"name": f"host {number}"})

    thread = threading.Thread(target=name_it)
    thread.start()
    for number in range(1, 21):
        change(tmp_path, {"threads": str(number)})
    thread.join()
    assert tomllib.loads((tmp_path / "volunteer.toml").read_text("utf-8")) == {"name": "host 19", "threads": 20}


def test_several_changes_are_all_taken_or_none(tmp_path):
    assert change(tmp_path, {"run": "idle", "idle-minutes": "10"}) == Preferences(run="idle", idle_minutes=10)
    with pytest.raises(StopAndTell, match="cpu_percent"):
        change(tmp_path, {"run": "always", "cpu_percent": "101"})
    assert load(tmp_path).run == "idle"


@pytest.mark.parametrize("text", ["threads = ", 'thread = 1\nrun = "idle"\n', "threads = 0\n", "hours = [1]\n"])
def test_a_broken_file_is_told_and_left_as_it_is(tmp_path, text):
    file = tmp_path / "volunteer.toml"
    file.write_text(text)
    for attempt in (lambda: load(tmp_path), lambda: change(tmp_path, {"run": "idle"})):
        with pytest.raises(StopAndTell, match=r"volunteer\.toml"):
            attempt()
    assert file.read_text() == text


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StopAndTell, match="cannot be"):
        save(tmp_path / "file", ODD)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file():
    variables = {"DAIG_THREADS": "2", "DAIG_CPU_PERCENT": "50", "DAIG_MEMORY_MB": "2048", "DAIG_CACHE_MB": "64"}
    said = overridden(ODD, {"threads": "3", "memory": None, "run": "run"}, variables)
    assert said == dataclasses.replace(ODD, threads=3, cpu_percent=50, memory=2048, cache=64)
    with pytest.raises(StopAndTell, match="out of range"):
        overridden(ODD, {}, {"DAIG_MEMORY_MB": "10"})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("run", " Idle ", "idle"),
        ("on_battery", "ON", True),
        ("on-battery", "no", False),
        ("threads", "all", None),
        ("threads", "", None),
        ("memory", "half", None),
        ("cpu_percent", "25", 25),
        ("pause_while", "blender; My Game,blender", ("blender", "My Game")),
        ("pause_while", "", ()),
        ("pause_while", "none", ()),
        ("pause_while", "none, blender", ("blender",)),
        ("hours", "Mon - Fri 9:00-12:30, sat 10:00-12:00", ("mon-fri 09:00-12:30", "sat 10:00-12:00")),
        ("hours", "any", ()),
        ("upload_limit", "0", 0),
    ],
)
def test_what_a_person_may_write(name, text, value):
    assert parse_value(name, text) == value
    assert parse_value(name, entry_of(name).show(value)) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("run", "often", "always or idle"),
        ("gpu", "perhaps", "yes or no"),
        ("threads", "many", "1 to 4096, or all"),
        ("cpu_percent", "", "1 to 100"),
        ("cpu_percent", "0", "out of range"),
        ("memory", "10", "memory: 10 is out of range, 1024 to 16777216 MiB"),
        ("idle_minutes", "2.5", "whole number"),
        ("hours", "moon 10:00-12:00", "no day of the week"),
        ("hours", "10:00-25:00", "no time of the day"),
        ("hours", "10:00-10:00", "whole day is 00:00-24:00"),
        ("hours", "mon", "days without hours"),
        ("hours", "mon 10:00-12:00 maybe", "behind its hours"),
        ("thread", "1", "no preference “thread”"),
    ],
)
def test_what_cannot_be_taken_is_said_in_a_sentence(name, text, words):
    with pytest.raises(StopAndTell, match=words):
        parse_value(name, text)
