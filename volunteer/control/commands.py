"""What the control socket asks of the app, so that this room needs no agent and tests can stand in for it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from volunteer.control.messages import AttachRequest, Done, Link, LinkRequest, Status, Window


class Commands(Protocol):
    """Thread-safe. Each raises StopAndTell or RetryLater with a sentence for the person when it cannot be done."""

    def status(self) -> Status: ...

    def wait_for_change(self, version: int, timeout: float) -> Status:
        """The status as soon as its version is another one, at the latest after `timeout` seconds."""
        ...

    def pause(self, until: datetime | None, after_unit: bool) -> None: ...
    def resume(self) -> None: ...

    def quit(self) -> None:
        """Begin to end; returns at once."""
        ...

    def reload_preferences(self) -> None:
        """The preferences' file has changed."""
        ...

    def attach(self, request: AttachRequest) -> Done: ...
    def link(self, request: LinkRequest) -> Link: ...
    def detach(self) -> Done: ...
    def check_for_updates(self) -> Done: ...
    def install_update(self) -> Done: ...

    def tray_shown(self, shown: bool) -> None:
        """`Status.tray` from now on."""
        ...


class Desktop(Protocol):
    """The processes around the app that people see."""

    def show(self, window: Window, session: Mapping[str, str]) -> Done:
        """`session`: see `messages.ShowRequest`; empty means the app's own."""
        ...

    def tray_reported(self, shown: bool) -> None:
        """The tray's icon is to be seen, or cannot be."""
        ...
