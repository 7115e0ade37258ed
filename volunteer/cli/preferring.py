"""`daig-volunteer prefs`: in the running app, or where none runs, in the file that it reads when it starts."""

import json

from volunteer.cli.alone import by_app_or_alone
from volunteer.cli.given import Given, Senseless, reading
from volunteer.control.answers import values
from volunteer.control.client import NotRunning
from volunteer.control.messages import GetPreferences, SetPreferences, Value
from volunteer.preferences.file import change, load
from volunteer.preferences.table import describe, entry_of


def preferences(given: Given) -> None:
    """Raises Senseless for a name or a value that there is not; then nothing is changed."""
    action, words = given.options["action"], list(given.options["words"])
    if action == "set":
        _set(given, words)
    elif action == "get":
        if len(words) != 1:
            raise Senseless("Say which one: daig-volunteer prefs get NAME.")
        with reading():
            name = entry_of(words[0]).name
        value = _now(given)[name]
        given.say(json.dumps(value) if given.options["json"] else _text(name, value))
    elif words:
        raise Senseless("“prefs show” shows all of them; for one it is “prefs get NAME”.")
    else:
        _show(given, _now(given))


def _set(given: Given, words: list[str]) -> None:
    if not words or len(words) % 2:
        raise Senseless("Say what to change: daig-volunteer prefs set NAME VALUE [NAME VALUE ...].")
    changes = dict(zip(words[::2], words[1::2], strict=True))
    with reading():
        for name, text in changes.items():
            entry_of(name).parse(text)
    chosen, note = by_app_or_alone(
        given,
        lambda: (given.app.ask(SetPreferences(changes)).values, ""),
        lambda: (values(change(given.folders.config, changes)), "DAIG is not running; this counts when it starts."),
    )
    changed = {entry_of(name).name: chosen[entry_of(name).name] for name in changes}
    if given.options["json"]:
        given.say(json.dumps(changed))
        return
    for name, value in changed.items():
        given.say(f"{name} = {_text(name, value)}")
    if note:
        given.say(note)


def _now(given: Given) -> dict[str, Value]:
    try:
        return given.app.ask(GetPreferences()).values
    except NotRunning:
        return values(load(given.folders.config))


def _show(given: Given, chosen: dict[str, Value]) -> None:
    if given.options["json"]:
        given.say(json.dumps(chosen))
        return
    width = max(len(name) for name in chosen)
    for entry in describe():
        if entry.name in chosen:
            value = chosen[entry.name]
            text = _text(entry.name, value)
            unit = f" {entry.unit}" if entry.unit and text.isdecimal() else ""
            given.say(f"{entry.name:<{width}}  {text}{unit}")


def _text(name: str, value: Value) -> str:
    entry = entry_of(name)
    if entry.zero and value == 0:
        return entry.zero
    return entry.show(tuple(value) if isinstance(value, list) else value)
