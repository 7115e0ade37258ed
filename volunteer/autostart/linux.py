"""Start at log-in by an XDG autostart entry (Desktop Application Autostart Specification)."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

NAME = "daig-volunteer.desktop"
"""An installed package's entry for everybody has the same name, so that a person's own takes its place."""

_NEEDS_QUOTES = re.compile(r"[^A-Za-z0-9_./:=@+,-]")


class DesktopEntry:
    """`~/.config/autostart/daig-volunteer.desktop`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        home = environment.get("HOME") or str(Path.home())
        own = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
        everybodys = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        self._path = Path(own) / "autostart" / NAME
        self._everybodys = [Path(folder) / "autostart" / NAME for folder in everybodys.split(":") if folder]
        self._command = command

    def follow(self, wanted: bool) -> None:
        if wanted:
            # A program that was removed since then is not missed.
            there = self._command[0].replace("\\", "\\\\")
            self._write(_entry(f"TryExec={there}\nExec={exec_line(self._command)}"))
        elif any(path.exists() for path in self._everybodys):
            # Only an entry of one's own hides the one that is for everybody.
            self._write(_entry("Hidden=true"))
        else:
            self._path.unlink(missing_ok=True)

    def _write(self, text: str) -> None:
        if self._path.exists() and self._path.read_text("utf-8", "replace") == text:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".new")
        temporary.write_text(text, "utf-8")
        temporary.replace(self._path)


def exec_line(command: Sequence[str]) -> str:
    """The words as the value of an Exec key: quoted, then escaped again as every string in such a file."""
    return " ".join(_quoted(word) for word in command).replace("\\", "\\\\")


def _quoted(word: str) -> str:
    word = word.replace("%", "%%")
    if word and not _NEEDS_QUOTES.search(word):
        return word
    return '"' + re.sub(r'(["`$\\])', r"\\\1", word) + '"'


def _entry(line: str) -> str:
    return (
        "[Desktop Entry]\nType=Application\nName=DAIG Volunteer\n"
        "Comment=Lends this computer's idle time to train neural networks\nIcon=daig-volunteer\n"
        f"{line}\nTerminal=false\nStartupNotify=false\n"
    )
