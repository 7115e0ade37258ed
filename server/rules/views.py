"""What pages show, as plain values: computed by the domain at an instant, rendered by the web room."""

import datetime as dt
from typing import Any

import msgspec

from server.rules.problems import Problem
from server.rules.states import DraftState, ProjectState


class Account(msgspec.Struct, frozen=True):
    id: int
    name: str
    is_operator: bool = False


class TokenOwner(msgspec.Struct, frozen=True):
    """Whom an access token speaks for, and within which scopes."""

    account: Account
    scopes: frozenset[str]


class PartialUploadView(msgspec.Struct, frozen=True):
    """A file on its way in by parts. `sha256` is the server's own, once all of it is there; `metadata` the sender's."""

    name: str
    filename: str
    size: int
    offset: int
    sha256: str
    metadata: str
    expires_at: dt.datetime
    is_whole: bool


class JoinKeyView(msgspec.Struct, frozen=True):
    id: int
    label: str
    uses_left: int
    expires_at: dt.datetime
    created_at: dt.datetime


class LinkView(msgspec.Struct, frozen=True):
    """A machine that waits for its owner to confirm it; all but `remote` and `asked_at` is what it says of itself."""

    name: str
    system: str
    processor: str
    threads: int
    memory: int
    software: str
    remote: str
    asked_at: dt.datetime
    seconds_left: float


class HostTrouble(msgspec.Struct, frozen=True):
    """Something that went wrong on a machine, and what to do, in a sentence."""

    at: dt.datetime
    sentence: str


class HostView(msgspec.Struct, frozen=True):
    """One of a volunteer's machines. `doing` is a sentence: what it computes or since when it is silent.

    `outdated`: its program should be `newest` and is older. `troubles`: of late, the last one first.
    """

    id: int
    name: str
    system: str
    threads: int
    memory: int
    last_seen_at: dt.datetime | None
    doing: str
    valid_results: int
    invalid_results: int
    host_seconds: float
    mini_batches: int = 0
    credit: float = 0.0
    software: str = ""
    outdated: bool = False
    newest: str = ""
    troubles: list[HostTrouble] = []
    quarantined_at: dt.datetime | None = None
    quarantine_reason: str = ""
    appeal: str = ""
    appealed_at: dt.datetime | None = None
    appeal_answer: str = ""
    may_appeal: bool = False


class UploadView(msgspec.Struct, frozen=True):
    """A file that a draft holds: nothing is uploaded twice because of a mistake elsewhere."""

    field: str
    filename: str
    size: int


class DraftView(msgspec.Struct, frozen=True):
    """`form` holds the texts as they were typed; `remarks` are notes that do not stand in the way.

    `facts` are label -> text pairs about model and data and what training them will mean. `preview` is for each field's
    file what it holds, its first rows or thumbnails, and its classes.
    """

    id: int
    state: DraftState
    form: dict[str, str]
    uploads: list[UploadView]
    problems: list[Problem]
    remarks: list[str]
    facts: list[tuple[str, str]]
    updated_at: dt.datetime
    project_id: int | None = None
    preview: dict[str, Any] = {}


class RoundView(msgspec.Struct, frozen=True):
    """One closed round: what it used and what came of it. Metrics of training are as reported by hosts."""

    number: int
    epoch: int
    mini_batches: int
    examples: int
    loss: float | None
    metrics: dict[str, float]
    seconds: float
    validation_loss: float | None = None
    validation_metrics: dict[str, float] = {}


class EventView(msgspec.Struct, frozen=True):
    at: dt.datetime
    sentence: str


class MeasuredCurves(msgspec.Struct, frozen=True):
    """As `Curves`, of the rounds whose weights were measured on the validation data."""

    rounds: list[int] = []
    epochs: list[int] = []
    times: list[float] = []
    loss: list[float | None] = []
    metrics: dict[str, list[float | None]] = {}


class Curves(msgspec.Struct, frozen=True):
    """Columns of equal length, one place a round: the last of each bucket of `step` rounds, and the newest.

    `times` are seconds since 1970; `seconds` how long each took; `hosts` how many had a part in it.
    """

    step: int = 1
    rounds: list[int] = []
    epochs: list[int] = []
    times: list[float] = []
    seconds: list[float | None] = []
    mini_batches: list[int] = []
    hosts: list[int] = []
    loss: list[float | None] = []
    metrics: dict[str, list[float | None]] = {}
    measured: MeasuredCurves = MeasuredCurves()


class ProjectSummary(msgspec.Struct, frozen=True):
    """`progress` is 0 to 1 over all epochs; `trend` the course of the loss in a few points, where it was asked for."""

    id: int
    name: str
    state: ProjectState
    status: str
    round: int
    epoch: int
    epochs: int
    progress: float
    loss: float | None = None
    trend: list[float] = []
    created_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None


class Pace(msgspec.Struct, frozen=True):
    """How fast it goes, and what has travelled for it. None: it cannot be known now.

    `seconds_left` reckons with all epochs; where training may stop earlier it is the most.
    """

    mini_batches_per_second: float | None = None
    round_seconds: float | None = None
    seconds_left: float | None = None
    bytes_to_hosts: int = 0
    bytes_from_hosts: int = 0


class ProjectView(msgspec.Struct, frozen=True):
    """What its page shows. `rounds` are the last ones; `measured_round` is the newest whose weights were measured.

    `settings` and `preprocessing` are as recorded, `settings_in_words` label and text; `origin` is the project that it
    was cloned from, while that is there. `one_kind`: only machines of one kind check each other.
    """

    summary: ProjectSummary
    created_at: dt.datetime
    k: int
    batch_size: int
    mini_batches_per_epoch: int
    used_in_epoch: int
    used_in_round: int
    hosts_at_work: int
    host_seconds: float
    loss: float | None
    metrics: dict[str, float]
    validation_loss: float | None
    validation_metrics: dict[str, float]
    rounds: list[RoundView]
    events: list[EventView]
    facts: list[tuple[str, str]]
    can_pause: bool
    can_resume: bool
    can_cancel: bool
    can_download: bool
    pace: Pace = Pace()
    measured_round: int | None = None
    settings: dict[str, Any] = {}
    settings_in_words: list[tuple[str, str]] = []
    preprocessing: dict[str, Any] = {}
    origin: int | None = None
    one_kind: bool = False


class GridView(msgspec.Struct, frozen=True):
    """The landing page's live numbers."""

    hosts_online: int
    projects_running: int
    rounds_closed: int
    mini_batches_done: int
