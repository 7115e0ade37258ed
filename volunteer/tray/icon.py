"""The icon beside the clock, in a process of its own: shows the app's status, and asks the app for what is chosen.

It knows the app only through the control socket, so whatever happens to GTK in here does not touch the work.
"""

import html
import logging
import os
import queue
import signal
import threading
import time
import webbrowser
from collections.abc import Callable
from datetime import datetime
from typing import Any

from volunteer.control.client import ControlClient, NotRunning
from volunteer.control.menu import PICTURES, Browse, Item, menu_of, tooltip_of
from volunteer.control.messages import Done, Request, Status, StatusRequest, TrayReport
from volunteer.errors import VolunteerError
from volunteer.tray.gtk_menu import renew_in_place
from volunteer.tray.hosts import PATIENCE_SECONDS, find_backend
from volunteer.tray.pictures import picture

ENDED, NO_TRAY, APP_GONE = 0, 3, 4
"""How the process ends: as asked; this desktop shows no icons, or has no menu for them; the app does not answer."""
LONGEST_WAIT_SECONDS = 50.0
_log = logging.getLogger(__name__)


def main(client: ControlClient, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Show the icon until the app ends. Where there is no tray the app is told, and the answer is NO_TRAY."""
    # Without GL, GTK takes 55 MB and not 111.
    os.environ.setdefault("GDK_GL", "disable")
    backend = os.environ.get("PYSTRAY_BACKEND") or find_backend(patience_seconds)
    if backend in (None, "xorg", "dummy"):
        return _tell_no_tray(client)
    os.environ["PYSTRAY_BACKEND"] = str(backend)
    if backend == "gtk":
        # Under Wayland too such an icon is a window of X.
        os.environ["GDK_BACKEND"] = "x11"
    try:
        import pystray
    except Exception:
        # On Linux this may be anything from a missing typelib to an X server that refuses.
        _log.warning("the tray icon cannot be shown", exc_info=True)
        return _tell_no_tray(client)
    try:
        return Tray(client, pystray, client.ask(StatusRequest())).run()
    except VolunteerError:
        return APP_GONE


def _glib_of(pystray: Any) -> Any:
    """GLib, where the icon is GTK's: what touches it has to be done in GTK's thread."""
    if not hasattr(pystray.Icon, "_create_menu"):
        return None
    from gi.repository import GLib

    return GLib


def _tell_no_tray(client: ControlClient) -> int:
    try:
        client.ask(TrayReport(shown=False))
    except VolunteerError:
        return APP_GONE
    return NO_TRAY


class Tray:
    """One icon. `pystray` is the library, loaded with the backend that this desktop has."""

    def __init__(
        self,
        client: ControlClient,
        pystray: Any,
        status: Status,
        browse: Callable[[str], object] = webbrowser.open,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._client = client
        self._pystray = pystray
        self._status = status
        self._browse = browse
        self._now = now
        self._glib = _glib_of(pystray)
        self._items = menu_of(status)
        self._wishes: queue.SimpleQueue[Request | Browse] = queue.SimpleQueue()
        self._exit = ENDED
        self.icon = pystray.Icon(
            "daig-volunteer", picture(PICTURES[status.activity]), tooltip_of(status),
            pystray.Menu(lambda: [self._line(item) for item in self._items]),
        )  # fmt: skip

    def run(self) -> int:
        """In the main thread, until the app is gone."""
        for loop in (self._follow, self._fulfil):
            threading.Thread(target=loop, daemon=True).start()
        if self._glib is not None:
            self._glib.unix_signal_add(self._glib.PRIORITY_DEFAULT, signal.SIGTERM, self.icon.stop)
        try:
            self.icon.run(self._shown)
        except Exception as error:
            # Without a service for notifications GTK's icon fails as it is taken away: that is late enough.
            _log.debug("the tray icon ended with %r", error)
        return self._exit

    def show(self, status: Status) -> None:
        """Change what is to be seen, and nothing else: what changes needlessly flickers."""
        before, self._status = self._status, status
        items, self._items = self._items, menu_of(status)
        if PICTURES[status.activity] is not PICTURES[before.activity]:
            self.icon.icon = picture(PICTURES[status.activity])
        self.icon.title = tooltip_of(status)
        self._say_tooltip()
        if self._items != items:
            self._renew_menu()

    def choose(self, item: Item) -> None:
        """What a click on that line does; asked of the app in another thread, for the menu must not wait."""
        if item.action is not None:
            self._wishes.put(item.action(self._now()))

    def fulfil(self, wish: Request | Browse) -> None:
        """Ask the app. What it has to say comes as a notification."""
        if isinstance(wish, Browse):
            # Some browsers come back only when they are closed.
            threading.Thread(target=self._browse, args=(wish.page,), daemon=True).start()
            return
        try:
            reply = self._client.ask(wish)
        except VolunteerError as error:
            self._tell(error.sentence)
        else:
            self._tell(reply.sentence if isinstance(reply, Done) else "")

    def _tell(self, sentence: str) -> None:
        if sentence and self.icon.HAS_NOTIFICATION:
            # Desktops with GTK's icons may read markup in it; elsewhere it would be seen as it is.
            plain = self._glib is None
            self.icon.notify(sentence if plain else html.escape(sentence, quote=False), "DAIG")

    def _shown(self, icon: Any) -> None:
        icon.visible = True
        self._say_tooltip()
        try:
            self._client.ask(TrayReport(shown=True))
        except NotRunning:
            # It ended while the icon came up, and an icon that is not there yet cannot be stopped.
            self._exit = APP_GONE
            icon.stop()
        except VolunteerError as error:
            _log.debug("the icon was not reported: %s", error.sentence)

    def _follow(self) -> None:
        """Wait for the status to change, as long as there is an app."""
        while True:
            try:
                status = self._client.ask(StatusRequest(self._status.version, LONGEST_WAIT_SECONDS))
            except NotRunning:
                self._exit = APP_GONE
                self.icon.stop()
                return
            except VolunteerError as error:
                _log.debug("no status: %s", error.sentence)
                time.sleep(1)
                continue
            if status.version != self._status.version:
                self.show(status)

    def _fulfil(self) -> None:
        while True:
            self.fulfil(self._wishes.get())

    def _line(self, item: Item) -> Any:
        """pystray's line. It is read again each time that the menu is built."""
        if not item.text:
            return self._pystray.Menu.SEPARATOR
        below = self._pystray.Menu(*map(self._line, item.below)) if item.below else None
        checked = None if item.checked is None else lambda _line: bool(item.checked)
        return self._pystray.MenuItem(
            item.text, below or (lambda: self._choose_by_name(item.name)), checked,
            default=item.default, enabled=item.enabled,
        )  # fmt: skip

    def _choose_by_name(self, name: str) -> None:
        """What that line means now: its text may have changed since it was built."""
        for item in self._items:
            for one in (item, *item.below):
                if one.name == name and one.enabled:
                    self.choose(one)

    def _renew_menu(self) -> None:
        if self._glib is None:
            self.icon.update_menu()
        else:
            self._glib.idle_add(self._renew_in_gtk)

    def _renew_in_gtk(self) -> bool:
        """In GTK's thread. What it returns says that it need not be called again."""
        if not renew_in_place(self.icon, self._items):
            self.icon.update_menu()
        return False

    def _say_tooltip(self) -> None:
        """pystray's GTK icon says its title to screen readers only."""
        status_icon = getattr(self.icon, "_status_icon", None)
        if self._glib is not None and status_icon is not None:
            self._glib.idle_add(status_icon.set_tooltip_text, tooltip_of(self._status))
