"""Real panels with a place for tray icons, on a desktop of ours; and the icon in them, found by its colour."""

import contextlib
import time

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.desktop import Desktop, require
from tests.support.grid import wait_for

GREEN = (0, 102, 79)
AMBER = (150, 98, 0)
_PIXELS_OF_A_MENU = 10_000
_PANEL = (
    ("/panels", "-a -t int -s 1"),
    ("/panels/panel-1/position", "-t string -s p=8;x=0;y=0"),
    ("/panels/panel-1/length", "-t uint -s 100"),
    ("/panels/panel-1/size", "-t uint -s 30"),
    ("/panels/panel-1/position-locked", "-t bool -s true"),
    ("/panels/panel-1/plugin-ids", "-a -t int -s 1 -t int -s 2 -t int -s 3"),
    ("/plugins/plugin-1", "-t string -s separator"),
    ("/plugins/plugin-1/expand", "-t bool -s true"),
    ("/plugins/plugin-1/style", "-t uint -s 0"),
    ("/plugins/plugin-2", "-t string -s systray"),
    ("/plugins/plugin-2/square-icons", "-t bool -s true"),
    ("/plugins/plugin-3", "-t string -s clock"),
)


def start_trayer(desktop: Desktop) -> None:
    """The old way: it embeds the icons' windows."""
    require("trayer", "openbox")
    desktop.start(["openbox"])
    shape = "--edge bottom --align right --widthtype request --height 30 --distance 4"
    desktop.start(["trayer", *shape.split(), "--transparent", "true", "--alpha", "0", "--tint", "0xf2f2f2"])
    time.sleep(0.5)


def start_xfce(desktop: Desktop) -> None:
    """The new way: it draws the icons itself and reads their menus over D-Bus."""
    require("xfce4-panel", "xfconf-query", "openbox")
    desktop.environment["XDG_CURRENT_DESKTOP"] = "XFCE"
    desktop.start(["openbox"])
    first = ("xfconf-query", "-c", "xfce4-panel", "-n", "-p")
    wait_for(lambda: desktop.tries(*first, "/configver", "-t", "int", "-s", "2"), 10, desktop.errors)
    for name, value in _PANEL:
        desktop.run(*first, name, *value.split(" "))
    desktop.start(["xfce4-panel", "--disable-wm-check"])


PANELS = {"trayer": start_trayer, "xfce": start_xfce}


def icon_at(desktop: Desktop, colour: tuple[int, int, int] = GREEN) -> tuple[int, int]:
    """The middle of the icon, as soon as something of that colour is to be seen in the lower right corner."""

    def found() -> tuple[int, int] | None:
        near = np.abs(_pixels(desktop).astype(int) - colour).max(axis=2) <= 6
        rows, columns = np.nonzero(near)
        return (int(columns.mean()), int(rows.mean())) if len(rows) > 60 else None

    place: tuple[int, int] = wait_for(found, 15, desktop.errors)
    return place


def open_menu(desktop: Desktop, button: int, colour: tuple[int, int, int] = GREEN) -> None:
    """Click on the icon, and wait for the menu: much of the screen is then another than before."""
    x, y = icon_at(desktop, colour)
    before = _pixels(desktop)

    def opened() -> bool:
        return bool((_pixels(desktop) != before).any(axis=2).sum() > _PIXELS_OF_A_MENU)

    for _ in range(4):
        # A panel that has just got the icon may not have read its menu yet, and then a click does nothing.
        desktop.run("xdotool", "mousemove", str(x), str(y), "click", str(button))
        with contextlib.suppress(AssertionError):
            wait_for(opened, 3)
            break
    assert opened(), desktop.errors()
    # It takes keys a moment later than it is seen.
    time.sleep(0.3)


def _pixels(desktop: Desktop) -> NDArray[np.uint8]:
    with Image.open(desktop.picture("looking")) as image:
        return np.asarray(image.convert("RGB"))
