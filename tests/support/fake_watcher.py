"""`python -m tests.support.fake_watcher`: takes status icons as a panel does, and prints where each of them is."""

from typing import Any

from gi.repository import Gio, GLib

NAME, PATH = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
INTERFACE = f"""<node><interface name="{NAME}">
<method name="RegisterStatusNotifierItem"><arg type="s" direction="in"/></method>
<method name="RegisterStatusNotifierHost"><arg type="s" direction="in"/></method>
<property name="RegisteredStatusNotifierItems" type="as" access="read"/>
<property name="IsStatusNotifierHostRegistered" type="b" access="read"/>
<property name="ProtocolVersion" type="i" access="read"/>
</interface></node>"""
PROPERTIES = {
    "RegisteredStatusNotifierItems": GLib.Variant("as", []),
    "IsStatusNotifierHostRegistered": GLib.Variant("b", True),
    "ProtocolVersion": GLib.Variant("i", 0),
}


def _call(_bus: Any, sender: str, _path: str, _interface: str, method: str, given: Any, invocation: Any) -> None:
    if method == "RegisterStatusNotifierItem":
        said = given.unpack()[0]
        # A path is the sender's own; a name has its item at the usual path.
        print(
            sender if said.startswith("/") else said,
            said if said.startswith("/") else "/StatusNotifierItem",
            flush=True,
        )
    invocation.return_value(None)


def main() -> None:
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
    bus.register_object(PATH, interface, _call, lambda *asked: PROPERTIES[asked[4]], None)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: print("ready", flush=True), None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
