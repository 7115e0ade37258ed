"""What command line, tray and windows say to the running app, and what it answers, as types.

Read and written with the wire protocol's `decode` and `encode`. Nothing here is secret but a join key.
"""

import enum
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

MOST_WAIT_SECONDS = 60.0

Text = Annotated[str, Meta(max_length=2000)]
Short = Annotated[str, Meta(max_length=200)]
Address = Annotated[str, Meta(min_length=1, max_length=2000)]
Fingerprint = Annotated[str, Meta(max_length=200, description="SHA-256 of the grid's certificate, in hexadecimal.")]
Instant = Annotated[datetime, Meta(tz=True)]
Value = bool | int | str | list[str] | None


class Activity(enum.StrEnum):
    """What this host is doing, for a picture and a word."""

    not_attached = "not_attached"
    paused = "paused"
    waiting_for_work = "waiting_for_work"
    training = "training"
    downloading = "downloading"
    delivering = "delivering"
    offline = "offline"
    needs_attention = "needs_attention"
    stopping = "stopping"


class Window(enum.StrEnum):
    """The windows that the app can open."""

    first_run = "first-run"
    control = "control"
    preferences = "preferences"
    about = "about"


class StatusRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="status"):
    """How is it going? With `after`: as soon as it is another version than that, at the latest after `wait_seconds`."""

    after: int | None = None
    wait_seconds: Annotated[float, Meta(ge=0, le=MOST_WAIT_SECONDS)] = 0.0


class PauseRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="pause"):
    """Stop working: for ever or `until` an instant; with `after_unit` the unit that runs is finished first."""

    until: Instant | None = None
    after_unit: bool = False


class ResumeRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="resume"):
    """Work again."""


class QuitRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="quit"):
    """Deliver or give back the unit, then end the app."""


class GetPreferences(msgspec.Struct, frozen=True, tag_field="ask", tag="get_preferences"):
    """What has the person chosen to keep? Answered by `PreferenceValues`."""


class SetPreferences(msgspec.Struct, frozen=True, tag_field="ask", tag="set_preferences"):
    """Change these, each by the text that a person would type; all of them or none. Answered by `PreferenceValues`."""

    changes: Annotated[dict[Short, Text], Meta(max_length=100)]


class AttachRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="attach"):
    """Make this machine a host of that grid: by the key, or without one where its token is kept already."""

    server: Address
    join_key: Short | None = None
    fingerprint: Fingerprint | None = None
    insecure_http: bool = False


class LinkRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="link"):
    """Make this machine a host of that grid by the device flow (RFC 8628). Answered by `Link`.

    The app then asks the grid by itself; once the person has confirmed, the status is no longer `not_attached`.
    """

    server: Address
    fingerprint: Fingerprint | None = None
    insecure_http: bool = False


class DetachRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="detach"):
    """Give the unit back, tell the grid, forget the token."""


class ShowRequest(msgspec.Struct, frozen=True, tag_field="ask", tag="show"):
    """Open that window. A second start asks so, and so does the tray's menu.

    `session`: the variables by which the one who asks finds its desktop; after a new log-in it is another one.
    """

    window: Window = Window.control
    session: Annotated[dict[Short, Text], Meta(max_length=20)] = {}


class TrayReport(msgspec.Struct, frozen=True, tag_field="ask", tag="tray"):
    """The tray process says whether its icon is to be seen. Where there is no tray the app opens a window instead."""

    shown: bool


class CheckForUpdates(msgspec.Struct, frozen=True, tag_field="ask", tag="check_for_updates"):
    """Look for a newer version now. The answer's sentence says what was found; `Status.update` too."""


class InstallUpdate(msgspec.Struct, frozen=True, tag_field="ask", tag="install_update"):
    """The person said yes: install the version on offer."""


Request = (
    StatusRequest
    | PauseRequest
    | ResumeRequest
    | QuitRequest
    | GetPreferences
    | SetPreferences
    | AttachRequest
    | LinkRequest
    | DetachRequest
    | ShowRequest
    | TrayReport
    | CheckForUpdates
    | InstallUpdate
)


class Status(msgspec.Struct, frozen=True, tag_field="reply", tag="status"):
    """All that is shown of a host. `version` grows with each change; `sentence` is the status line, whole.

    `reasons`: why it does not work now. `progress`: of the unit that runs, 0 to 1. `missing_protection`: what this
    system cannot keep the trainer from, a sentence for each; None before it has been tried. `update`: the version on
    offer or "". `tray`: whether the icon is to be seen. `link_trouble`: why the last code came to nothing, or "".
    """

    version: int
    activity: Activity
    sentence: str
    reasons: list[str] = []
    paused_until: Instant | None = None
    pause_why: str = ""
    server: str = ""
    host_name: str = ""
    units_today: int = 0
    credit: int | None = None
    progress: float | None = None
    missing_protection: list[str] | None = None
    software: str = ""
    update: str = ""
    tray: bool = False
    link_trouble: str = ""


class PreferenceValues(msgspec.Struct, frozen=True, tag_field="reply", tag="preferences"):
    """Every preference by its name, as it is kept in the file. An option or a variable of the app's start counts
    instead until the app ends."""

    values: dict[str, Value]


class Link(msgspec.Struct, frozen=True, tag_field="reply", tag="link"):
    """The person opens that page and confirms the code, before `expires_at`."""

    user_code: str
    verification_uri_complete: str
    expires_at: Instant


class Done(msgspec.Struct, frozen=True, tag_field="reply", tag="done"):
    """It was done, or begun; the sentence is for the person and may be empty."""

    sentence: str = ""


class Refused(msgspec.Struct, frozen=True, tag_field="reply", tag="refused"):
    """It was not done. The sentence says why, in words for the person."""

    sentence: str
    code: str = ""


Reply = Status | PreferenceValues | Link | Done | Refused
