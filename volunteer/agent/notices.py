"""The status that everybody sees, its version, and whoever waits for the next one."""

import threading

import msgspec

from volunteer.control.messages import Status


class Notices:
    """For many threads at once. The version grows when something has changed that a person would see."""

    def __init__(self, first: Status) -> None:
        self._condition = threading.Condition()
        self._latest = msgspec.structs.replace(first, version=1)

    @property
    def latest(self) -> Status:
        return self._latest

    def publish(self, status: Status) -> None:
        """`status.version` is ignored."""
        with self._condition:
            before = self._latest
            version = before.version + (_seen(status) != _seen(before))
            self._latest = msgspec.structs.replace(status, version=version)
            if version != before.version:
                self._condition.notify_all()

    def newer_than(self, version: int, timeout: float) -> Status:
        """The status as soon as its version is another one, at the latest after `timeout` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._latest.version != version, timeout)
            return self._latest


def _seen(status: Status) -> Status:
    # A bar that moves by a hairbreadth is not worth waking anybody.
    progress = None if status.progress is None else round(status.progress, 1)
    return msgspec.structs.replace(status, version=0, progress=progress)
