"""`volunteer.toml` in the config folder: the settings and the person's preferences, in one file."""

import dataclasses
import textwrap
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from volunteer.config import FILE_KEYS, SETTINGS_FILE, read_file
from volunteer.errors import StopAndTell
from volunteer.preferences.preferences import Preferences
from volunteer.preferences.table import NAMES, Entry, Value, describe, entry_of
from volunteer.private_files import write_private

_HEAD = """\
# DAIG on this computer. It is read when DAIG starts; what `daig-volunteer prefs set` or the window changes counts at
# once, and they write this file anew, without comments of your own. A line that begins with # says what counts when
# nothing else is chosen.
"""
# The app keeps a grid's address in one thread while the person changes a preference in another.
_writing = threading.Lock()


def load(folder: Path) -> Preferences:
    """What the file says; what it does not say is at its default. Raises StopAndTell when it cannot be taken."""
    path = folder / SETTINGS_FILE
    values = _read(path)
    try:
        return Preferences(**{name: _entry_value(name, values) for name in NAMES if name in values})
    except StopAndTell as error:
        raise StopAndTell(f"{path}: {error.sentence}") from None


def save(folder: Path, preferences: Preferences) -> None:
    """Keep these; the settings in the file stay. Raises StopAndTell, and leaves a file as it is that cannot be read."""
    chosen = dataclasses.asdict(preferences)
    _write(folder, {name: None if chosen[name] == entry_of(name).default else chosen[name] for name in NAMES})


def change(folder: Path, texts: Mapping[str, str]) -> Preferences:
    """Take what a person wrote, all of it or nothing, and keep it. Raises StopAndTell with the first thing wrong."""
    values = {entry_of(name).name: parse_value(name, text) for name, text in texts.items()}
    preferences = dataclasses.replace(load(folder), **values)  # type: ignore[arg-type]
    save(folder, preferences)
    return preferences


def parse_value(name: str, text: str) -> Value:
    """The value of that preference from a text that a person wrote. Raises StopAndTell with a sentence."""
    return entry_of(name).parse(text)


def keep_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Set these settings (`FILE_KEYS`) in the file, None takes one out; all else stays. Raises StopAndTell."""
    unknown = sorted(set(settings) - FILE_KEYS)
    if unknown:
        raise ValueError(f"no settings: {unknown}")
    _write(folder, settings)


def overridden(preferences: Preferences, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Preferences:
    """With what the command line, or else the environment, says for this run. Raises StopAndTell."""
    given: dict[str, Any] = {}
    for entry in describe():
        text = arguments.get(entry.name) if entry.environment else None
        if text is None and entry.environment:
            text = environment.get(entry.environment) or None
        if text is not None:
            given[entry.name] = entry.parse(str(text))
    return dataclasses.replace(preferences, **given)


def _read(path: Path) -> dict[str, Any]:
    values = read_file(path)
    unknown = sorted(set(values) - FILE_KEYS - set(NAMES))
    if unknown:
        raise StopAndTell(f"{path} has settings that do not exist: {', '.join(unknown)}. Correct it, or take them out.")
    return values


def _entry_value(name: str, values: Mapping[str, Any]) -> Any:
    return entry_of(name).take(values[name])


def _write(folder: Path, changes: Mapping[str, Any]) -> None:
    path = folder / SETTINGS_FILE
    with _writing:
        values = {name: value for name, value in (_read(path) | dict(changes)).items() if value is not None}
        parts = [_HEAD, tomli_w.dumps({name: values[name] for name in sorted(FILE_KEYS & set(values))})]
        parts += [_explained(entry, values) for entry in describe()]
        try:
            write_private(path, "\n".join(part for part in parts if part))
        except OSError as error:
            raise StopAndTell(f"The preferences cannot be kept in {path}: {error.strerror}.") from None


def _explained(entry: Entry, values: Mapping[str, Any]) -> str:
    lines = textwrap.wrap(entry.help + _range(entry), 110, break_on_hyphens=False)
    if entry.name in values:
        value = values[entry.name]
        said = tomli_w.dumps({entry.name: list(value) if isinstance(value, tuple) else value})
    elif entry.default is None:
        said = f"# {entry.name}: {entry.unset}\n"
    else:
        default = entry.default
        said = "# " + tomli_w.dumps({entry.name: list(default) if isinstance(default, tuple) else default})
    return "".join(f"# {line}\n" for line in lines) + said


def _range(entry: Entry) -> str:
    if entry.choices:
        return f" ({' or '.join(entry.choices)})"
    unit = f" {entry.unit}" if entry.unit else ""
    return f" ({entry.least} to {entry.most}{unit})" if entry.most else ""
