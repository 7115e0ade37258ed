"""`daig-join.toml`: the grid's address, its certificate's fingerprint and perhaps a join key, for many machines."""

import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from volunteer.errors import StopAndTell

JOIN_FILE = "daig-join.toml"
MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class JoinFile:
    """Made by the grid. Without a key it only says where the grid is."""

    server: str
    join_key: str | None = field(default=None, repr=False)
    fingerprint: str | None = None

    def settings(self) -> dict[str, str]:
        """What it says, by the names of the settings."""
        values = {"server": self.server, "join_key": self.join_key, "fingerprint": self.fingerprint}
        return {name: value for name, value in values.items() if value is not None}


def read_join_file(path: Path) -> JoinFile:
    """Raises StopAndTell when it is not there, not to be read, or no join file. Fields of a newer grid are ignored."""
    try:
        with path.expanduser().open("rb") as file:
            values = tomllib.loads(file.read(MOST_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise StopAndTell(f"The join file {path} cannot be read: {why}.") from None
    wrong = [name for name in ("server", "join_key", "fingerprint") if not isinstance(values.get(name, ""), str)]
    if wrong or not values.get("server"):
        raise StopAndTell(f"{path} is no join file: its “{wrong[0] if wrong else 'server'}” has to be a text.")
    key, fingerprint = ((values.get(name) or "").strip() or None for name in ("join_key", "fingerprint"))
    return JoinFile(values["server"].strip(), key, fingerprint)


def beside_program() -> JoinFile | None:
    """The one that an installer left beside the bundled program. One that cannot be read counts as none."""
    if not getattr(sys, "frozen", False):
        return None
    path = Path(sys.executable).parent / JOIN_FILE
    try:
        return read_join_file(path) if path.exists() else None
    except StopAndTell:
        return None
