"""A pause: until an instant, or until the person says go; kept in a file, so that it outlives the program."""

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from volunteer.private_files import write_private

PAUSE_FILE = "pause.json"
"""In the state folder."""

PauseWhy = Literal["person", "not_started", "damaged"]


@dataclass(frozen=True)
class Pause:
    """`until` knows its time zone; None means: it never ends by itself. "not_started": nobody has said go yet.
    "damaged": nobody knows any more what was said.
    """

    until: datetime | None = None
    why: PauseWhy = "person"

    def over(self, now: datetime) -> bool:
        return self.until is not None and now >= self.until


def paused(before: Pause | None, until: datetime | None) -> Pause:
    """What a pause makes of the one before: who has not said go yet has not said it by a pause that ends."""
    return before if before is not None and before.why == "not_started" else Pause(until)


class PauseFile:
    """One small file. One that is there but makes no sense counts as a pause without an end: better idle than rude."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Pause | None:
        """None when there is no pause."""
        try:
            values = json.loads(self._path.read_text("utf-8"))
            until = None if values["until"] is None else datetime.fromisoformat(values["until"])
            if values["why"] not in get_args(PauseWhy) or (until is not None and until.tzinfo is None):
                return Pause(None, "damaged")
            return Pause(until, values["why"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return Pause(None, "damaged")

    def save(self, pause: Pause) -> None:
        """Kept, also through a power cut. Raises OSError."""
        until = None if pause.until is None else pause.until.isoformat()
        write_private(self._path, json.dumps({"until": until, "why": pause.why}))

    def clear(self) -> None:
        """The pause is over. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
