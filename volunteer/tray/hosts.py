"""Finds out whether this desktop shows tray icons, and which of pystray's backends can put one there with a menu.

GNOME as it comes has no tray. The plain X backend has no menu, so it counts as none.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

WATCHER = "org.kde.StatusNotifierWatcher"
# A desktop that has just begun may start its panel after us.
PATIENCE_SECONDS = 10.0
# Panels that know both ways take embedded icons first as they start. Only the new way shows the menu on any click.
OLD_WAY_SECONDS = 2.0
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


def find_backend(
    wait_seconds: float = PATIENCE_SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """The name of the backend, or None where there is no tray (yet, after `wait_seconds`)."""
    until = clock() + wait_seconds
    settled: float | None = None
    while True:
        backend, now = backend_now(), clock()
        if backend == "gtk":
            settled = now + OLD_WAY_SECONDS if settled is None else settled
        if now >= (until if settled is None else settled) or backend not in (None, "gtk"):
            return backend
        sleep(0.25)


def backend_now() -> str | None:
    """What could show an icon at this moment."""
    if sys.platform == "win32":
        return "win32"
    if sys.platform == "darwin":
        return "darwin"
    # Every backend with a menu is GTK's and speaks to the session bus; without one it would fail as it starts.
    bus = _session_bus() if _can_load("Gtk", "3.0") else None
    if bus is None:
        return None
    indicator = _can_load("AyatanaAppIndicator3", "0.1") or _can_load("AppIndicator3", "0.1")
    if indicator and _has_owner(bus, WATCHER):
        return "appindicator"
    return "gtk" if xembed_manager_is_there() else None


def xembed_manager_is_there() -> bool:
    """Whether a panel on this X display takes icons in the old way, by embedding their windows."""
    if not os.environ.get("DISPLAY"):
        return False
    try:
        from Xlib.display import Display

        display = Display()
    except Exception:
        # Xlib has an exception of its own for each way in which a display cannot be reached.
        return False
    try:
        atom = display.intern_atom(f"_NET_SYSTEM_TRAY_S{display.get_default_screen()}")
        return bool(display.get_selection_owner(atom))
    finally:
        display.close()


def _can_load(library: str, version: str) -> bool:
    """Whether GObject's typelib of that name is installed."""
    try:
        import gi

        gi.require_version(library, version)
    except (ImportError, ValueError):
        return False
    return True


def _session_bus() -> Any:
    """A connection to the session bus; None when there is none."""
    from gi.repository import Gio, GLib

    try:
        return Gio.bus_get_sync(Gio.BusType.SESSION, None)
    except GLib.Error:
        return None


def _has_owner(bus: Any, name: str) -> bool:
    from gi.repository import Gio, GLib

    question = GLib.Variant("(s)", (name,))
    try:
        answer = bus.call_sync(*_BUS, "NameHasOwner", question, None, Gio.DBusCallFlags.NONE, 2000, None)
    except GLib.Error:
        return False
    return bool(answer.unpack()[0])
