"""The one table of preferences: what each is called, what it means, which values it takes. The command line, the
window, the file's comments and the documentation all speak from it. Knows no file."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from volunteer.config import LEAST_MEMORY_MB
from volunteer.errors import StopAndTell
from volunteer.preferences.hours import parse_hours
from volunteer.preferences.preferences import Preferences

Value = bool | int | str | tuple[str, ...] | None

_YES = ("yes", "on", "true", "1")
_NO = ("no", "off", "false", "0")


class Kind(enum.StrEnum):
    """How a value is entered."""

    yes_no = "yes_no"
    choice = "choice"
    whole = "whole"
    hours = "hours"
    programs = "programs"


@dataclass(frozen=True)
class Entry:
    """One preference. `choices`: each with its label; `least` and `most` include themselves; `unset`: the word for
    nothing chosen; `zero`: what 0 is called, and understood by too; `environment`: the variable that overrides it for
    one run."""

    name: str
    kind: Kind
    label: str
    help: str
    choices: Mapping[str, str] = field(default_factory=dict)
    least: int = 0
    most: int = 0
    unit: str = ""
    unset: str = ""
    zero: str = ""
    environment: str = ""

    @property
    def default(self) -> Value:
        default: Value = getattr(Preferences, self.name)
        return default

    def parse(self, text: str) -> Value:
        """The value of a text that a person wrote. Raises StopAndTell."""
        word = text.strip().lower()
        if self.kind is Kind.yes_no:
            if word in _YES + _NO:
                return word in _YES
            raise self._refusal(text, "say yes or no.")
        if self.kind is Kind.choice:
            if word in self.choices:
                return word
            raise self._refusal(text, f"say {' or '.join(self.choices)}.")
        if self.kind is Kind.whole:
            return self._whole(text, word)
        if self.kind is Kind.programs:
            names = (one.strip() for one in text.replace(";", ",").replace("\n", ",").split(","))
            return tuple(dict.fromkeys(one for one in names if one and one.lower() != self.unset))
        try:
            return parse_hours(text)
        except ValueError as error:
            raise StopAndTell(f"{self.name}: {error}") from None

    def take(self, value: object) -> Value:
        """The value of what a settings file holds. Raises StopAndTell."""
        if isinstance(value, bool):
            return self.parse("yes" if value else "no")
        if isinstance(value, int | str):
            return self.parse(str(value))
        if isinstance(value, list | tuple) and self.kind in (Kind.hours, Kind.programs):
            return self.parse("; ".join(map(str, value)))
        raise self._refusal(str(value), "this is not a value that it takes.")

    def show(self, value: Value) -> str:
        """The value as a text that `parse` takes."""
        if value is None or value == ():
            return self.unset
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return ("; " if self.kind is Kind.hours else ", ").join(value)
        return str(value)

    def _whole(self, text: str, word: str) -> int | None:
        if self.unset and word in ("", self.unset):
            return None
        if self.zero and word == self.zero:
            return 0
        try:
            number = int(word)
        except ValueError:
            also = f", or {self.unset}" if self.unset else ""
            raise self._refusal(text, f"this is not a whole number. Say {self._range()}{also}.") from None
        if not self.least <= number <= self.most:
            raise StopAndTell(f"{self.name}: {number} is out of range, {self._range()}.")
        return number

    def _range(self) -> str:
        return f"{self.least} to {self.most} {self.unit}".rstrip()

    def _refusal(self, text: str, why: str) -> StopAndTell:
        return StopAndTell(f"{self.name}: “{text}”: {why}")


_TABLE: tuple[Entry, ...] = (
    Entry(
        "run", Kind.choice, "Work", "Work always, or only while nobody is using the computer.",
        choices={"always": "always", "idle": "only when the computer is idle"},
    ),
    Entry(
        "idle_minutes", Kind.whole, "Idle means untouched for",
        "How long mouse and keyboard have to rest before work begins, where it is for the idle computer only.",
        least=1, most=1440, unit="minutes",
    ),
    Entry("on_battery", Kind.yes_no, "Work on battery too", "Whether to work when the computer runs on its battery."),
    Entry(
        "hours", Kind.hours, "Only at these hours",
        "Hours and weekdays of work, such as mon-fri 18:00-08:00; sat,sun 00:00-24:00. Hours past midnight belong to "
        "the day on which they begin.",
        unset="any",
    ),
    Entry(
        "threads", Kind.whole, "Processor threads", "How many threads to compute with.",
        least=1, most=4096, unset="all", environment="DAIG_THREADS",
    ),
    Entry(
        "cpu_percent", Kind.whole, "Use of these threads",
        "Rest between chunks of work so as to use about this much of them.",
        least=1, most=100, unit="%", environment="DAIG_CPU_PERCENT",
    ),
    Entry(
        "memory", Kind.whole, "Most memory", "The most memory for training; half stands for half of the machine's.",
        least=LEAST_MEMORY_MB, most=2**24, unit="MiB", unset="half", environment="DAIG_MEMORY_MB",
    ),
    Entry(
        "cache", Kind.whole, "Most disk space", "The most disk space for downloads.",
        least=64, most=2**24, unit="MiB", environment="DAIG_CACHE_MB",
    ),
    Entry(
        "pause_while", Kind.programs, "Pause while these run",
        "Names of programs, such as blender, zoom; while one of them runs, nothing is computed.",
        unset="none",
    ),
    Entry(
        "download_limit", Kind.whole, "Fastest download", "The most that is downloaded in a second; 0 sets no limit.",
        most=10**7, unit="kB/s", zero="none",
    ),
    Entry(
        "upload_limit", Kind.whole, "Fastest upload", "The most that is uploaded in a second; 0 sets no limit.",
        most=10**7, unit="kB/s", zero="none",
    ),
    Entry("start_at_login", Kind.yes_no, "Start at log-in", "Start the app when you log in to this computer."),
    Entry("gpu", Kind.yes_no, "Use the graphics processor", "Let training use the graphics processor, if it can."),
)  # fmt: skip
NAMES = tuple(entry.name for entry in _TABLE)
_BY_NAME = {entry.name: entry for entry in _TABLE}


def entry_of(name: str) -> Entry:
    """Raises StopAndTell for a name that is none; dashes count as underscores."""
    entry = _BY_NAME.get(name.strip().lower().replace("-", "_"))
    if entry is None:
        raise StopAndTell(f"There is no preference “{name}”. There are: {', '.join(NAMES)}.")
    return entry


def describe() -> tuple[Entry, ...]:
    """Every preference, in the order to show them in."""
    return _TABLE
