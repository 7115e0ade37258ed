"""All that talks with the person while the app runs: the socket, the icon's process, the windows. Opened and closed
together; the app works on without any of them.
"""

import logging
import threading

from volunteer.config import Folders
from volunteer.control.answers import Answers
from volunteer.control.commands import Commands
from volunteer.control.doors import Door
from volunteer.control.messages import Activity, Window
from volunteer.control.processes import NO_SESSION, DesktopProcesses, NoDesktop
from volunteer.control.server import ControlServer
from volunteer.control.this_system import door_of
from volunteer.errors import StopAndTell

# The icon shows that a unit is being delivered. Where that takes longer it goes before, so that nobody waits for both.
ICON_GOES_AFTER_SECONDS = 2.5
_log = logging.getLogger(__name__)


class Company:
    """`open` once the app has started, `wind_up` when it begins to end, `close` before its lock is given up."""

    def __init__(
        self, app: Commands, folders: Folders, desktop: DesktopProcesses | None, door: Door | None = None
    ) -> None:
        """`desktop` is None where there is none, or none is wanted."""
        self._app = app
        self._folders = folders
        self._desktop = desktop
        self._door = door or door_of(folders.state)
        self._server: ControlServer | None = None
        self._ending: threading.Timer | None = None

    def open(self) -> None:
        """Listen; on a desktop show the icon, and where this is no host yet, the window that makes it one."""
        answers = Answers(self._app, self._desktop or NoDesktop(), self._folders.config)
        try:
            self._server = ControlServer(self._door, answers)
        except OSError as error:
            _log.warning("the command line and the icon cannot reach this app: %s", error)
            return
        if self._desktop is None:
            return
        self._desktop.keep_icon(lambda: self._app.tray_shown(False))
        if self._app.status().activity is Activity.not_attached:
            try:
                self._desktop.show(Window.first_run, NO_SESSION)
            except StopAndTell as error:
                _log.warning("%s", error.sentence)

    def wind_up(self) -> None:
        """The app begins to end, which may take seconds; returns at once."""
        if self._desktop is not None:
            self._ending = threading.Timer(ICON_GOES_AFTER_SECONDS, self._desktop.begin_to_close)
            self._ending.daemon = True
            self._ending.start()

    def close(self) -> None:
        """Within a second or so, less when it was wound up long before; the socket goes last, so that whoever waits for
        the end hears of it then."""
        if self._ending is not None:
            self._ending.cancel()
        if self._desktop is not None:
            self._desktop.close()
        if self._server is not None:
            self._server.close()


def options_of(folders: Folders) -> list[str]:
    """What each process of this app is told, so that it finds this home."""
    return [] if folders.home is None else ["--home", str(folders.home)]
