"""Opens one window, until the person closes it or the app ends."""

import logging
import tkinter
from collections.abc import Callable

from volunteer.control.client import ControlClient
from volunteer.control.menu import Picture
from volunteer.control.messages import StatusRequest, Window
from volunteer.windows.about import About
from volunteer.windows.asking import Asking
from volunteer.windows.control_window import ControlWindow
from volunteer.windows.darkness import prefers_dark
from volunteer.windows.first_run import FirstRun
from volunteer.windows.look import Look
from volunteer.windows.palette import DARK, LIGHT
from volunteer.windows.preferences_window import PreferencesWindow
from volunteer.windows.sharpness import sharpen
from volunteer.windows.stage import Stage

_WINDOWS: dict[Window, Callable[[Stage], object]] = {
    Window.first_run: FirstRun,
    Window.control: ControlWindow,
    Window.preferences: PreferencesWindow,
    Window.about: About,
}
_FIRST_STATUS_MS = 200
_log = logging.getLogger(__name__)


def main(window: Window, client: ControlClient) -> int:
    """0 when it was closed, 1 when no window can be shown here.

    Raises NotRunning when there is no app to speak of.
    """
    client.ask(StatusRequest())
    sharpen()
    try:
        root = tkinter.Tk(className="daig-volunteer")
    except tkinter.TclError as error:
        _log.warning("no window can be shown: %s", error)
        return 1
    root.withdraw()
    stage = Stage(root, Look(root, DARK if prefers_dark() else LIGHT), Asking(root, client))
    root.iconphoto(True, stage.look.picture(Picture.training))
    shown = _WINDOWS[window](stage)
    # Not before the first status has come: what it says decides the window's size.
    root.after(_FIRST_STATUS_MS, root.deiconify)
    root.mainloop()
    del shown
    return 0
