"""What the window of preferences shows and sends."""

import dataclasses

import msgspec
import pytest

from volunteer.preferences.preferences import Preferences
from volunteer.preferences.table import NAMES, describe, entry_of
from volunteer.windows.preference_form import (
    changes_of,
    default_texts,
    help_of,
    place_of,
    problems_of,
    sections,
    texts_of,
)


def values(**changes):
    return msgspec.to_builtins(dataclasses.replace(Preferences(), **changes))


def test_every_preference_stands_in_one_section():
    shown = [entry.name for _title, entries in sections() for entry in entries]
    assert sorted(shown) == sorted(NAMES)
    assert all(entries for _title, entries in sections())


def test_what_the_app_says_is_shown_as_a_person_would_type_it():
    shown = texts_of(values(threads=2, hours=("mon-fri 18:00-08:00",), pause_while=("blender", "zoom"), gpu=True))
    assert (shown["threads"], shown["hours"], shown["gpu"]) == ("2", "mon-fri 18:00-08:00", "yes")
    assert shown["pause_while"] == "blender, zoom"
    assert texts_of(values()) == default_texts()
    assert problems_of(shown) == {}


def test_only_what_means_something_else_is_sent():
    before = texts_of(values())
    now = {**before, "threads": " ALL ", "cpu_percent": "50", "pause_while": "zoom"}
    assert changes_of(before, now) == {"cpu_percent": "50", "pause_while": "zoom"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("threads", "many", "not a whole number"),
        ("cpu_percent", "0", "0 is out of range, 1 to 100 %."),
        ("hours", "some day", ""),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_without_its_name(name, text, words):
    problems = problems_of({**default_texts(), name: text})
    assert list(problems) == [name]
    assert words in problems[name]
    assert not problems[name].startswith(name)


def test_a_refusal_finds_its_field():
    assert place_of("threads: 9 is out of range, 1 to 8.") == ("threads", "9 is out of range, 1 to 8.")
    assert place_of("The settings cannot be written.") == ("", "The settings cannot be written.")


def test_the_help_says_which_numbers_are_taken():
    assert help_of(entry_of("cpu_percent")).endswith("1 to 100.")
    assert "or “half”" in help_of(entry_of("memory"))
    for entry in describe():
        assert help_of(entry).startswith(entry.help)
        assert str(10**7) not in help_of(entry)
