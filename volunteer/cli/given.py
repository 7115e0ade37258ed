"""What each command gets: the options, where things are kept, and a line to the running app."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from volunteer.config import Folders
from volunteer.control.client import ControlClient
from volunteer.errors import StopAndTell


class Senseless(StopAndTell):
    """This command line makes no sense."""


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """What cannot be read in here is the command line's fault: raises Senseless for StopAndTell."""
    try:
        yield
    except StopAndTell as error:
        raise Senseless(error.sentence, error.code) from None


@dataclass(frozen=True)
class Given:
    """`say` prints for the person; `now` is the local time, with its zone."""

    options: Mapping[str, Any]
    folders: Folders
    app: ControlClient
    say: Callable[[str], None] = print
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
