"""What the web room needs of the domain, as Protocols, and the one value that carries it all into the app.

Every method takes the instant `now` (aware, UTC) where it matters; only this room reads the clock.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from flask import current_app

from server.rules.incoming import Checksum, Download, IncomingFile, NewUpload
from server.rules.outlook import Outlook
from server.rules.results import HistoryRow, ResultsView
from server.rules.views import (
    Account,
    Curves,
    DraftView,
    EventView,
    GridView,
    HostView,
    JoinKeyView,
    LinkView,
    PartialUploadView,
    ProjectSummary,
    ProjectView,
    RoundView,
    TokenOwner,
)
from server.web.people import People
from volunteer.protocol import messages
from volunteer.protocol.account_messages import AccessToken
from volunteer.protocol.releases import Manifest, ReleaseFile

Host = Any
"""A host as the domain knows it: got from `Hosts.by_token`, handed on unread."""


@dataclass(frozen=True)
class WebSettings:
    """`proxies` is how many reverse proxies stand in front and may be believed about address and scheme.

    `fingerprint`: SHA-256 (hexadecimal) of the certificate that this grid made itself; empty where it made none.
    `trust_after`: how many confirmed results in a row make a machine trusted; 0 where each is believed from the start.
    """

    secret_key: str
    max_upload_bytes: int = 4 * 2**30
    https: bool = False
    proxies: int = 0
    public_url: str = ""
    fingerprint: str = ""
    trust_after: int = 0


class Accounts(Protocol):
    def needs_invitation(self) -> bool: ...
    def sign_up(
        self, name: str, password: str, now: dt.datetime, remote: str = "", invitation: str = ""
    ) -> Account: ...
    def log_in(self, name: str, password: str, remote: str, now: dt.datetime) -> Account | None: ...
    def by_id(self, account_id: int) -> Account | None: ...
    def session_key(self, account_id: int) -> str: ...
    def of_session(self, account_id: int, session_key: str) -> Account | None: ...


class JoinKeys(Protocol):
    def create(self, owner_id: int, label: str, uses: int, hours: int, now: dt.datetime) -> str: ...
    def list_for(self, owner_id: int, now: dt.datetime) -> list[JoinKeyView]: ...
    def revoke(self, owner_id: int, key_id: int, now: dt.datetime) -> None: ...


class Tokens(Protocol):
    def create(
        self, owner_id: int, label: str, scopes: Collection[str], days: int | None, now: dt.datetime
    ) -> str: ...
    def by_secret(self, secret: str, now: dt.datetime) -> TokenOwner: ...
    def list_for(self, owner_id: int, now: dt.datetime) -> list[AccessToken]: ...
    def revoke(self, owner_id: int, token_id: int, now: dt.datetime) -> None: ...


class Hosts(Protocol):
    def attach(self, request: messages.AttachRequest, now: dt.datetime) -> messages.Attached: ...
    def by_token(self, token: str) -> Host: ...
    def list_for(self, owner_id: int, now: dt.datetime) -> list[HostView]: ...
    def detach(self, owner_id: int, host_id: int, now: dt.datetime) -> None: ...
    def rename(self, owner_id: int, host_id: int, name: str | None, now: dt.datetime) -> HostView: ...
    def leave(self, host: Host, now: dt.datetime) -> None: ...
    def numbers(self, host: Host) -> messages.HostNumbers: ...


class NewLink(Protocol):
    @property
    def device_code(self) -> str: ...
    @property
    def user_code(self) -> str: ...


class Devices(Protocol):
    def ask(self, request: messages.DeviceRequest, remote: str, now: dt.datetime) -> NewLink: ...
    def poll(self, device_code: str, now: dt.datetime) -> messages.Attached: ...
    def look(self, account_id: int, code: str, now: dt.datetime) -> LinkView: ...
    def approve(self, account_id: int, code: str, now: dt.datetime) -> LinkView: ...
    def deny(self, account_id: int, code: str, now: dt.datetime) -> LinkView: ...


class Drafts(Protocol):
    @property
    def incoming_folder(self) -> Path: ...
    def start(
        self, owner_id: int, form: Mapping[str, str], files: Sequence[IncomingFile], now: dt.datetime
    ) -> int: ...
    def change(
        self,
        owner_id: int,
        draft_id: int,
        form: Mapping[str, str],
        files: Sequence[IncomingFile],
        now: dt.datetime,
        removed: Collection[str] = (),
    ) -> None: ...
    def use_suggested(self, owner_id: int, draft_id: int, now: dt.datetime) -> None: ...
    def view(self, owner_id: int, draft_id: int) -> DraftView: ...
    def outlook(self, owner_id: int, draft_id: int) -> Outlook | None: ...
    def list_for(self, owner_id: int) -> list[DraftView]: ...
    def submit(self, owner_id: int, draft_id: int, now: dt.datetime) -> int: ...
    def discard(self, owner_id: int, draft_id: int, now: dt.datetime) -> None: ...


class Uploads(Protocol):
    def create(self, owner_id: int, new: NewUpload, now: dt.datetime) -> PartialUploadView: ...
    def require(self, owner_id: int, name: str, now: dt.datetime) -> None: ...
    def view(self, owner_id: int, name: str, now: dt.datetime) -> PartialUploadView: ...
    def list_for(self, owner_id: int, now: dt.datetime) -> list[PartialUploadView]: ...
    def append(
        self,
        owner_id: int,
        name: str,
        offset: int,
        blocks: Iterable[bytes],
        checksum: Checksum | None,
        now: dt.datetime,
    ) -> PartialUploadView: ...
    def remove(self, owner_id: int, name: str, now: dt.datetime) -> None: ...
    def take(self, owner_id: int, name: str, field: str) -> IncomingFile: ...


class ProjectViews(Protocol):
    def list_for(self, owner_id: int, now: dt.datetime) -> list[ProjectSummary]: ...
    def view(self, owner_id: int, project_id: int, now: dt.datetime) -> ProjectView: ...
    def curves(
        self, owner_id: int, project_id: int, after: int = -1, measured_after: int = -1
    ) -> Curves: ...


class RoundPages(Protocol):
    def rounds(self, owner_id: int, project_id: int, after: int, limit: int) -> list[RoundView]: ...
    def events(self, owner_id: int, project_id: int) -> list[EventView]: ...


class Projects(Protocol):
    def pause(self, owner_id: int, project_id: int, now: dt.datetime) -> None: ...
    def resume(self, owner_id: int, project_id: int, now: dt.datetime) -> None: ...
    def compare_one_kind(self, owner_id: int, project_id: int, one_kind: bool, now: dt.datetime) -> None: ...
    def cancel(self, owner_id: int, project_id: int, now: dt.datetime) -> None: ...
    def delete(self, owner_id: int, project_id: int, now: dt.datetime) -> None: ...


class Cloning(Protocol):
    def clone(self, owner_id: int, project_id: int, now: dt.datetime, start: str = "original") -> int: ...


class Results(Protocol):
    def view(self, owner_id: int, project_id: int) -> ResultsView: ...
    def download(self, owner_id: int, project_id: int, which: str, kind: str, now: dt.datetime) -> Download: ...
    def history(self, owner_id: int, project_id: int) -> Iterator[HistoryRow]: ...
    def tensorboard(self, owner_id: int, project_id: int, now: dt.datetime) -> Download: ...
    def recipe(self, owner_id: int, project_id: int, now: dt.datetime) -> Iterator[bytes]: ...
    def preprocessing(self, owner_id: int, project_id: int) -> dict[str, Any]: ...


class Grid(Protocol):
    def view(self, now: dt.datetime) -> GridView: ...
    def check(self) -> None: ...


class Dispatch(Protocol):
    def ask(self, host: Host, request: messages.WorkRequest, now: dt.datetime) -> messages.WorkReply: ...
    def changes(self) -> int: ...
    def worth_asking(self) -> bool: ...
    def wait_for_change(self, seen: int, seconds: float) -> bool: ...


class Reports(Protocol):
    def allowance(self, host: Host, result_id: str, now: dt.datetime) -> int: ...
    def heartbeat(
        self, host: Host, result_id: str, message: messages.Heartbeat, now: dt.datetime
    ) -> messages.HeartbeatReply: ...
    def report(
        self, host: Host, result_id: str, path: Path, sha256: str, now: dt.datetime
    ) -> messages.ReportReply: ...
    def give_back(
        self, host: Host, result_id: str, message: messages.GiveBack, now: dt.datetime
    ) -> messages.Acknowledged: ...


class Blobs(Protocol):
    def open_for_host(self, host: Host, sha256: str, now: dt.datetime) -> Path: ...


class StoredRelease(Protocol):
    @property
    def manifest(self) -> bytes: ...
    @property
    def signature(self) -> bytes: ...
    @property
    def public_key(self) -> bytes: ...


class Release(Protocol):
    @property
    def manifest(self) -> Manifest: ...
    @property
    def stored(self) -> StoredRelease: ...


class Releases(Protocol):
    def current(self) -> Release | None: ...
    def require(self) -> Release: ...
    def file(self, name: str) -> tuple[ReleaseFile, Path]: ...


@dataclass(frozen=True)
class Services:
    """All that the web room talks to.

    `incoming_gradients` is a folder of the blobs' own file system: what arrives there is moved, never copied.
    `wake` tells the scheduler that there is something to do.
    """

    accounts: Accounts
    join_keys: JoinKeys
    tokens: Tokens
    people: People
    hosts: Hosts
    devices: Devices
    drafts: Drafts
    uploads: Uploads
    projects: Projects
    project_views: ProjectViews
    round_pages: RoundPages
    results: Results
    cloning: Cloning
    grid: Grid
    dispatch: Dispatch
    reports: Reports
    blobs: Blobs
    releases: Releases
    incoming_gradients: Path
    settings: WebSettings
    wake: Callable[[], None]

    @property
    def fingerprint(self) -> str:
        """By which hosts and scripts believe this grid: the self-made certificate's; empty where any system does."""
        return self.settings.fingerprint

    def address(self, seen: str) -> str:
        """The grid's address as people should use it; `seen` is what this visitor's browser used."""
        return (self.settings.public_url or seen).rstrip("/")


def here() -> Services:
    """The services of the app that answers the present request."""
    return cast(Services, current_app.extensions["daig"])


def now() -> dt.datetime:
    """The instant of this moment; no room below reads the clock."""
    return dt.datetime.now(dt.UTC)
