"""A status icon's menu over D-Bus (com.canonical.dbusmenu): what a panel reads of it, and a click."""

from dataclasses import dataclass
from typing import Any

from gi.repository import Gio, GLib

ITEM, MENU = "org.kde.StatusNotifierItem", "com.canonical.dbusmenu"


@dataclass(frozen=True)
class Line:
    number: int
    label: str
    enabled: bool
    checked: bool
    below: tuple["Line", ...]


class TrayMenu:
    """Of the item at that name and path of the bus."""

    def __init__(self, bus: str, name: str, path: str) -> None:
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self._bus = Gio.DBusConnection.new_for_address_sync(bus, flags, None, None)
        self._name, self._path = name, path

    def property(self, name: str) -> Any:
        """Of the icon itself: Title, IconName, Status..."""
        return self._call(self._path, "org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (ITEM, name)))[0]

    def lines(self) -> tuple[Line, ...]:
        """Everything but the lines between."""
        question = GLib.Variant("(iias)", (0, -1, []))
        return self._lines(self._call(self.property("Menu"), MENU, "GetLayout", question)[1][2])

    def has(self, label: str) -> bool:
        return any(one.label == label for line in self.lines() for one in (line, *line.below))

    def line(self, label: str) -> Line:
        """The one with that text, however deep."""
        everything = [one for line in self.lines() for one in (line, *line.below)]
        found = [one for one in everything if one.label == label]
        assert found, f"no “{label}” among {[one.label for one in everything]}"
        return found[0]

    def click(self, label: str) -> None:
        """Numbers change when a menu is built anew, so it is read again first."""
        event = GLib.Variant("(isvu)", (self.line(label).number, "clicked", GLib.Variant("i", 0), 0))
        self._call(self.property("Menu"), MENU, "Event", event)

    def _lines(self, layout: list[Any]) -> tuple[Line, ...]:
        return tuple(
            Line(
                number, said.get("label", "").replace("__", "_"), said.get("enabled", True),
                said.get("toggle-state", 0) == 1, self._lines(below),
            )
            for number, said, below in layout
            if said.get("type") != "separator" and said.get("visible", True)
        )  # fmt: skip

    def _call(self, path: str, interface: str, method: str, given: Any) -> Any:
        flags = Gio.DBusCallFlags.NONE
        return self._bus.call_sync(self._name, path, interface, method, given, None, flags, 5000, None).unpack()
