"""The commands that start something: the app itself, its icon, one of its windows. Each loads only its own room."""

import os
import sys

from volunteer.cli.alone import by_app_or_alone
from volunteer.cli.given import Given
from volunteer.config import read_settings
from volunteer.control.messages import Done, ShowRequest, TrayReport, Window
from volunteer.control.processes import has_desktop, session_of
from volunteer.errors import StopAndTell
from volunteer.preferences.file import load, overridden
from volunteer.spool.lock import IN_USE


def run(given: Given) -> None:
    """Until told to quit. A second start brings up the first; without windows it raises StopAndTell and says so."""
    from volunteer.bootstrap import run_app

    desktop = not given.options["headless"] and has_desktop()
    settings = read_settings(given.options, os.environ, sys.stdin.readline, need_server=not desktop)
    try:
        run_app(settings, lambda: overridden(load(settings.folders.config), given.options, os.environ), desktop)
    except StopAndTell as error:
        if error.code != IN_USE or not desktop:
            raise
        refusal = error

        def gone_meanwhile() -> Done:
            raise refusal

        by_app_or_alone(given, lambda: given.app.ask(ShowRequest(session=session_of(os.environ))), gone_meanwhile)
        given.say("DAIG is running already.")


def tray(given: Given) -> None:
    """Raises NotRunning: the icon is the app's. And StopAndTell, once the app knows, where none can be drawn."""
    try:
        from volunteer.tray.icon import main
    except ImportError as error:
        given.app.ask(TrayReport(shown=False))
        raise StopAndTell(f"The icon needs what is not installed here: {error}.") from None

    sys.exit(main(given.app))


def window(given: Given) -> None:
    """Until the person closes it. Raises StopAndTell where this Python draws no windows."""
    try:
        from volunteer.windows.opening import main
    except ImportError as error:
        raise StopAndTell(f"This Python draws no windows ({error}): install tkinter (Debian: python3-tk).") from None
    sys.exit(main(Window(given.options["window"]), given.app))
