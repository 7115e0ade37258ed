"""The command `daig-volunteer`: reads the command line, starts what it names, and says how that went by a number."""

import io
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from volunteer.cli import asking, attaching, preferring, starting, telling
from volunteer.cli.given import Given, Senseless
from volunteer.cli.logs import begin
from volunteer.cli.parser import build_parser
from volunteer.config import folders_of
from volunteer.control.client import ControlClient, NotRunning
from volunteer.errors import VolunteerError

OK, FAILED, SENSELESS, NOT_RUNNING = 0, 1, 2, 3
"""Done; something is for the person to do; the command line makes no sense; the app does not run."""

COMMANDS: Mapping[str, Callable[[Given], None]] = {
    "run": starting.run,
    "tray": starting.tray,
    "window": starting.window,
    "status": asking.status,
    "pause": asking.pause,
    "resume": asking.resume,
    "quit": asking.leave,
    "check-update": asking.check_update,
    "prefs": preferring.preferences,
    "attach": attaching.attach,
    "detach": attaching.detach,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Without a command: `run`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Who reads through a pipe has to see a code before it runs out.
        sys.stdout.reconfigure(line_buffering=True)
    given = build_parser().parse_args((sys.argv[1:] if arguments is None else arguments) or ["run"])
    folders = folders_of(vars(given), os.environ)
    usual = logging.INFO if given.command == "run" else logging.WARNING
    on_desktop = given.command == "run" and not given.headless
    begin(logging.DEBUG if given.verbose else usual, folders if on_desktop else None)
    try:
        COMMANDS[given.command](Given(vars(given), folders, ControlClient(folders)))
    except NotRunning as error:
        print(error.sentence, file=sys.stderr)
        return NOT_RUNNING
    except Senseless as error:
        print(f"daig-volunteer: {error.sentence}", file=sys.stderr)
        return SENSELESS
    except VolunteerError as error:
        return _failed(error.sentence, by_click=on_desktop or given.command == "window")
    except OSError as error:
        # A folder that may not be written to, a disk that is full: the person can do something about it.
        logging.getLogger(__name__).debug("it failed here", exc_info=True)
        return _failed(str(error), by_click=on_desktop or given.command == "window")
    except KeyboardInterrupt:
        return FAILED
    return OK


def _failed(sentence: str, by_click: bool) -> int:
    """`by_click`: it may have been started where nobody reads what is printed."""
    print(f"daig-volunteer: {sentence}", file=sys.stderr)
    if by_click and telling.nobody_reads_along():
        telling.show(sentence)
    return FAILED
