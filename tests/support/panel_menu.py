"""The menus of the icons that a real panel shows, over D-Bus."""

from gi.repository import Gio, GLib

from tests.support.tray_menu import TrayMenu

WATCHER = "org.kde.StatusNotifierWatcher"


def menus(bus: str) -> list[TrayMenu]:
    """Of every icon that has registered with the panel; none while there is no panel."""
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    connection = Gio.DBusConnection.new_for_address_sync(bus, flags, None, None)
    question = GLib.Variant("(ss)", (WATCHER, "RegisteredStatusNotifierItems"))
    try:
        answer = connection.call_sync(
            WATCHER, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties", "Get", question, None,
            Gio.DBusCallFlags.NO_AUTO_START, 5000, None,
        )  # fmt: skip
    except GLib.Error:
        return []
    finally:
        connection.close_sync(None)
    places = [str(one).partition("/") for one in answer.unpack()[0]]
    return [TrayMenu(bus, name, slash + path) for name, slash, path in places]
