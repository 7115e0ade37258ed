"""Idle time from services on D-Bus: GNOME's compositor, KDE's screen saver, and logind for any kind of session."""

import time
from typing import Any

import psutil
from jeepney import DBusAddress, Message, MessageFlag, MessageType, Properties, new_method_call
from jeepney.io.blocking import open_dbus_connection

TIMEOUT_SECONDS = 0.5


class _Service:
    """A connection to one bus, kept. Raises OSError, KeyError (no bus) and TimeoutError."""

    bus = "SESSION"

    def __init__(self) -> None:
        self._bus = open_dbus_connection(self.bus, auth_timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        self._bus.close()

    def _ask(self, message: Message) -> Any:
        # Whoever is not running is not to be started for this.
        message.header.flags |= MessageFlag.no_auto_start
        reply = self._bus.send_and_get_reply(message, timeout=TIMEOUT_SECONDS)
        if reply.header.message_type is MessageType.error:
            raise OSError(str(reply.body[0]) if reply.body else "refused")
        return reply.body[0]


class Mutter(_Service):
    """GNOME, under Wayland and X."""

    def seconds(self) -> float:
        address = DBusAddress("/org/gnome/Mutter/IdleMonitor/Core", _MUTTER, _MUTTER)
        return float(self._ask(new_method_call(address, "GetIdletime"))) / 1000


class ScreenSaver(_Service):
    """KDE gives milliseconds, where the specification says seconds. Who gives seconds seems less idle: no harm."""

    def seconds(self) -> float:
        address = DBusAddress("/org/freedesktop/ScreenSaver", _SCREEN_SAVER, _SCREEN_SAVER)
        return float(self._ask(new_method_call(address, "GetSessionIdleTime"))) / 1000


class LoginManager(_Service):
    """logind: whether *every* session of this machine is idle, and since when; those of terminals and of others too.

    A session becomes idle after a time of its own (GNOME: five minutes; a terminal: half an hour), so this may come
    late, never early.
    """

    bus = "SYSTEM"

    def seconds(self) -> float:
        if not self._property("IdleHint"):
            return 0.0
        since = self._property("IdleSinceHint") / 1_000_000
        # Zero: nobody has been logged in at all.
        return max(0.0, time.time() - (since or psutil.boot_time()))

    def _property(self, name: str) -> Any:
        address = DBusAddress("/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager")
        return self._ask(Properties(address).get(name))[1]


_MUTTER = "org.gnome.Mutter.IdleMonitor"
_SCREEN_SAVER = "org.freedesktop.ScreenSaver"
