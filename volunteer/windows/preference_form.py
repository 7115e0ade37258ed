"""What the window of preferences shows and sends, as texts by name, from the one table of preferences. Pure."""

from collections.abc import Mapping

from volunteer.control.messages import Value
from volunteer.errors import StopAndTell
from volunteer.preferences.table import Entry, Kind, describe, entry_of

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("When", ("run", "idle_minutes", "on_battery", "hours", "pause_while")),
    ("How much", ("threads", "cpu_percent", "memory", "cache", "gpu")),
)
REST = "Network and start"
# Beyond this a limit is there against nonsense, and not to be read.
_WORTH_SAYING = 10**6


def sections() -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    """Every preference once, in sections; one that nobody has thought of here stands in the last."""
    named = {name for _title, names in SECTIONS for name in names}
    rest = tuple(entry for entry in describe() if entry.name not in named)
    return (*((title, tuple(map(entry_of, names))) for title, names in SECTIONS), (REST, rest))


def texts_of(values: Mapping[str, Value]) -> dict[str, str]:
    """As a person would type them."""
    return {
        entry.name: entry.show(None if (value := values.get(entry.name)) is None else entry.take(value))
        for entry in describe()
        if entry.name in values
    }


def default_texts() -> dict[str, str]:
    return {entry.name: entry.show(entry.default) for entry in describe()}


def problems_of(texts: Mapping[str, str]) -> dict[str, str]:
    """A sentence for each text that cannot be used, by its name."""
    found = {}
    for name, text in texts.items():
        try:
            entry_of(name).parse(text)
        except StopAndTell as error:
            found[name] = without_name(name, error.sentence)
    return found


def changes_of(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Those that mean another value than before."""
    values = {name: (entry_of(name).parse(before[name]), entry_of(name).parse(text)) for name, text in now.items()}
    return {name: now[name] for name, (old, new) in values.items() if old != new}


def place_of(refusal: str) -> tuple[str, str]:
    """The name of the preference that a refusal is about, or "", and the sentence to show there."""
    for entry in describe():
        if refusal.startswith(f"{entry.name}:"):
            return entry.name, without_name(entry.name, refusal)
    return "", refusal


def without_name(name: str, sentence: str) -> str:
    """Beside the field the name would be said twice."""
    rest = sentence.removeprefix(f"{name}:").strip()
    return rest[:1].upper() + rest[1:]


def help_of(entry: Entry) -> str:
    """What it means, and which numbers it takes."""
    if entry.kind is not Kind.whole:
        return entry.help
    if entry.most < _WORTH_SAYING:
        numbers = f"{entry.least} to {entry.most:,}"
    else:
        numbers = f"At least {entry.least:,}" if entry.least else ""
    if numbers and entry.unset:
        numbers += f", or “{entry.unset}”"
    return f"{entry.help} {numbers}." if numbers else entry.help
