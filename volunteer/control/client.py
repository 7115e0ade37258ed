"""Asks the running app. For the command line, the icon and the windows."""

from typing import overload

from volunteer.config import Folders
from volunteer.control.doors import Door, answers
from volunteer.control.lines import LineError, receive_line, send_line
from volunteer.control.messages import (
    AttachRequest,
    CheckForUpdates,
    DetachRequest,
    Done,
    GetPreferences,
    InstallUpdate,
    Link,
    LinkRequest,
    PauseRequest,
    PreferenceValues,
    QuitRequest,
    Refused,
    Reply,
    Request,
    ResumeRequest,
    SetPreferences,
    ShowRequest,
    Status,
    StatusRequest,
    TrayReport,
)
from volunteer.control.this_system import door_of
from volunteer.errors import StopAndTell
from volunteer.protocol.messages import Malformed, decode, encode

# Where the app asks the grid first, it may take as long as the grid does.
PATIENCE_SECONDS = 60.0
# A whole program is downloaded.
INSTALL_SECONDS = 3600.0
_CONNECT_SECONDS = 2.0


class NotRunning(StopAndTell):
    """DAIG is not running."""


class ControlClient:
    """Each question is a connection of its own, so the app may end and come back in between."""

    def __init__(self, folders: Folders, door: Door | None = None) -> None:
        self._door = door or door_of(folders.state)

    @overload
    def ask(self, request: StatusRequest) -> Status: ...
    @overload
    def ask(self, request: GetPreferences | SetPreferences) -> PreferenceValues: ...
    @overload
    def ask(self, request: LinkRequest) -> Link: ...
    @overload
    def ask(
        self,
        request: PauseRequest
        | ResumeRequest
        | QuitRequest
        | AttachRequest
        | DetachRequest
        | ShowRequest
        | TrayReport
        | CheckForUpdates
        | InstallUpdate,
    ) -> Done: ...

    def ask(self, request: Request) -> Reply:
        """The app's answer. Raises NotRunning, or StopAndTell with the sentence of a refusal."""
        try:
            connection = self._door.connect(_CONNECT_SECONDS)
        except OSError:
            raise NotRunning from None
        patience = INSTALL_SECONDS if isinstance(request, InstallUpdate) else PATIENCE_SECONDS
        if isinstance(request, StatusRequest):
            patience += request.wait_seconds
        with connection:
            try:
                send_line(connection, encode(request), _CONNECT_SECONDS)
                line = receive_line(connection, patience)
                reply: Reply = decode(line, Reply)  # type: ignore[arg-type]
            except (OSError, LineError) as error:
                raise self._gone(error) from None
            except Malformed as error:
                raise StopAndTell(f"The running app answered what this program does not know: {error}") from None
        if isinstance(reply, Refused):
            raise StopAndTell(reply.sentence, reply.code)
        return reply

    def _gone(self, error: Exception) -> StopAndTell:
        """It may have ended while it was asked."""
        return StopAndTell(f"The running app gave no answer: {error}.") if answers(self._door) else NotRunning()
