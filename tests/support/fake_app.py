"""The running app as the icon and the windows know it: a real control socket, and behind it no work at all."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from volunteer.config import Folders
from volunteer.control.client import ControlClient
from volunteer.control.messages import (
    Activity,
    CheckForUpdates,
    Done,
    GetPreferences,
    Link,
    LinkRequest,
    PauseRequest,
    PreferenceValues,
    QuitRequest,
    Reply,
    Request,
    ResumeRequest,
    SetPreferences,
    Status,
    StatusRequest,
)
from volunteer.control.server import ControlServer
from volunteer.control.this_system import door_of
from volunteer.errors import StopAndTell
from volunteer.preferences.preferences import Preferences
from volunteer.preferences.table import entry_of

TRAINING = Status(
    version=1, activity=Activity.training, sentence="Training.", server="https://grid.example",
    host_name="quiet-corner", units_today=12, credit=1234, progress=0.4, software="0.1.0",
)  # fmt: skip


class FakeApp:
    """Pauses and resumes in words only. `asked` holds everything but questions for the status; `links` what is linked.

    `refuse`: the sentence with which the next request but those for the status is turned away.
    """

    def __init__(self, home: Path, status: Status = TRAINING, link: Link | None = None) -> None:
        self.home = home
        self.folders = Folders.below(home)
        self.client = ControlClient(self.folders)
        self.asked: list[Request] = []
        self.preferences: dict[str, Any] = msgspec.to_builtins(Preferences())
        self.refuse = ""
        self._link = link
        self._status = status
        self._changed = threading.Condition()
        self._server = ControlServer(door_of(self.folders.state), self._answer)

    @property
    def status(self) -> Status:
        return self._status

    def be(self, **changes: Any) -> None:
        """The status is another one from now on."""
        with self._changed:
            self._status = msgspec.structs.replace(self._status, version=self._status.version + 1, **changes)
            self._changed.notify_all()

    def close(self) -> None:
        self._server.close()
        with self._changed:
            self._status = msgspec.structs.replace(self._status, version=self._status.version + 1)
            self._changed.notify_all()

    def _answer(self, request: Request, _still_there: object) -> Reply:
        if isinstance(request, StatusRequest):
            with self._changed:
                self._changed.wait_for(lambda: self._status.version != request.after, request.wait_seconds)
                return self._status
        self.asked.append(request)
        if self.refuse:
            sentence, self.refuse = self.refuse, ""
            raise StopAndTell(sentence)
        return self._do(request)

    def _do(self, request: Request) -> Reply:
        match request:
            case PauseRequest(until, after_unit):
                activity = self._status.activity if after_unit else Activity.paused
                self.be(activity=activity, pause_why="person", paused_until=until, sentence="Paused.")
            case ResumeRequest():
                self.be(activity=Activity.training, pause_why="", paused_until=None, sentence="Training.")
            case QuitRequest():
                self.be(activity=Activity.stopping, sentence="Ending.")
            case GetPreferences():
                return PreferenceValues(self.preferences)
            case SetPreferences(changes):
                values = {name: entry_of(name).parse(text) for name, text in changes.items()}
                self.preferences |= msgspec.to_builtins(values)
                return PreferenceValues(self.preferences)
            case LinkRequest() if self._link is not None:
                return self._link
            case CheckForUpdates():
                return Done("DAIG 0.1.0 is the newest there is.")
        return Done()

    def __enter__(self) -> "FakeApp":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
