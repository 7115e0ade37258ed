"""What each command gets: the options, where things are kept, and a line to the running app."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from volunteer.config import Folders
from volunteer.control.client import ControlClient


@dataclass(frozen=True)
class Given:
    """`say` prints for the person; `now` is the local time, with its zone."""

    options: Mapping[str, Any]
    folders: Folders
    app: ControlClient
    say: Callable[[str], None] = print
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
