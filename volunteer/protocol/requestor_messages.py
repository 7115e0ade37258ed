"""The messages of the requestor's API, as types: what scripts and notebooks see of drafts, projects and machines.

Read as the volunteers' ones are: unknown fields are ignored, wrong types are refused with a sentence.
"""

import datetime as dt
import enum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from volunteer.protocol.messages import Name

Text = Annotated[str, Meta(max_length=1000)]
FieldName = Annotated[str, Meta(min_length=1, max_length=60)]


class ModelFormat(enum.StrEnum):
    """`own`: the kind of file that was uploaded."""

    own = "own"
    h5 = "h5"
    keras = "keras"
    savedmodel = "savedmodel"
    weights = "weights"


class HistoryFormat(enum.StrEnum):
    json = "json"
    csv = "csv"


class GridNumbers(msgspec.Struct, frozen=True):
    """The grid's live numbers, as on its landing page."""

    hosts_online: int
    projects_running: int
    rounds_closed: int
    mini_batches_done: int


class Standing(msgspec.Struct, frozen=True):
    """What a volunteer's machines have given. The order is that of `credit`."""

    place: int
    name: str
    mini_batches: int
    host_seconds: float
    credit: float = 0.0


class Standings(msgspec.Struct, frozen=True):
    """`others`: how many gave as well and are not named; with their sums."""

    rows: list[Standing]
    others: int
    other_mini_batches: int
    other_seconds: float
    other_credit: float = 0.0


class Leaderboard(msgspec.Struct, frozen=True):
    """`day`: the last 24 hours; `lately`: the last seven days."""

    lately: Standings
    ever: Standings
    day: Standings


class AccountInfo(msgspec.Struct, frozen=True):
    """Whose token this is, and what it may do: `read`, `write`."""

    id: int
    name: str
    scopes: list[str]


class NewDraft(msgspec.Struct, frozen=True):
    """A new project's form. `form`: its texts by field; `uploads`: by file field the name of a complete upload."""

    form: Annotated[dict[FieldName, Text], Meta(max_length=100)] = {}
    uploads: Annotated[dict[FieldName, Name], Meta(max_length=10)] = {}


class DraftChange(msgspec.Struct, frozen=True):
    """What is to be different: the other texts and files stay as they are. `removed`: file fields to be emptied.

    The draft is checked again.
    """

    form: Annotated[dict[FieldName, Text], Meta(max_length=100)] = {}
    uploads: Annotated[dict[FieldName, Name], Meta(max_length=10)] = {}
    removed: Annotated[list[FieldName], Meta(max_length=10)] = []


class Upload(msgspec.Struct, frozen=True):
    """A file on its way in. `offset`: how many of its `size` bytes are there; `name` is what a draft takes it by."""

    name: str
    filename: str
    size: int
    offset: int
    sha256: str
    expires_at: dt.datetime
    is_whole: bool


class Uploads(msgspec.Struct, frozen=True):
    uploads: list[Upload]


class CloneStart(enum.StrEnum):
    """`original`: the model file as it was uploaded; `trained`: one with the newest weights."""

    original = "original"
    trained = "trained"


class CloneRequest(msgspec.Struct, frozen=True):
    """What the clone's training starts from."""

    start: CloneStart = CloneStart.original


class Prospect(msgspec.Struct, frozen=True):
    """How long it would take with so many hosts; null where that cannot be said."""

    hosts: int
    seconds: float | None


class Outlook(msgspec.Struct, frozen=True):
    """What a ready draft's training would take. Bytes are a volunteer's: data once, at most; the others each round.

    `useful_hosts`: more would have nothing to do. `measured`: the speed is that of this grid's hosts.
    """

    useful_hosts: int
    rounds: int
    steps_per_epoch: int
    bytes_data: int
    bytes_down: int
    bytes_up: int
    paces: list[Prospect]
    measured: bool


class FieldProblem(msgspec.Struct, frozen=True):
    """One mistake, and the field that it stands beside; "" is none of them."""

    field: str
    sentence: str


class DraftFile(msgspec.Struct, frozen=True):
    """A file that a draft holds; `size` in bytes."""

    field: str
    filename: str
    size: int


class Draft(msgspec.Struct, frozen=True):
    """A form with its files: `checking`, `needs_correction` (see `problems`), `ready` to be started, or `submitted`.

    `facts` are label and text; `preview` shows data and labels as far as they could be read; `project_id` is the
    project that it has become.
    """

    id: int
    state: str
    form: dict[str, str]
    uploads: list[DraftFile]
    problems: list[FieldProblem]
    remarks: list[str]
    facts: list[tuple[str, str]]
    updated_at: dt.datetime
    project_id: int | None = None
    preview: dict[str, Any] = {}


class Drafts(msgspec.Struct, frozen=True):
    drafts: list[Draft]


class ProjectLine(msgspec.Struct, frozen=True):
    """A project in a list. `progress` is 0 to 1 over all epochs; `status` says what goes on, or why nothing does."""

    id: int
    name: str
    state: str
    status: str
    round: int
    epoch: int
    epochs: int
    progress: float
    loss: float | None = None
    created_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None


class Projects(msgspec.Struct, frozen=True):
    projects: list[ProjectLine]


class Pace(msgspec.Struct, frozen=True):
    """How fast it goes, and what has travelled for it; null is what cannot be known now."""

    mini_batches_per_second: float | None = None
    round_seconds: float | None = None
    seconds_left: float | None = None
    bytes_to_hosts: int = 0
    bytes_from_hosts: int = 0


class Project(msgspec.Struct, frozen=True):
    """A project at this instant. `state`: preparing, awaiting_approval, running, paused, needs_attention, finished
    or cancelled.

    `loss` and `metrics` are the last closed round's, as reported by hosts; the validation ones the grid has measured,
    the newest with round `measured_round`. `origin` is the project that it was cloned from. `one_kind`: only
    machines of one kind check each other's gradients.
    """

    id: int
    name: str
    state: str
    status: str
    round: int
    epoch: int
    epochs: int
    progress: float
    created_at: dt.datetime
    k: int
    batch_size: int
    mini_batches_per_epoch: int
    used_in_epoch: int
    used_in_round: int
    hosts_at_work: int
    host_seconds: float
    loss: float | None
    metrics: dict[str, float | None]
    validation_loss: float | None
    validation_metrics: dict[str, float | None]
    facts: list[tuple[str, str]]
    can_pause: bool
    can_resume: bool
    can_cancel: bool
    can_download: bool
    pace: Pace = Pace()
    measured_round: int | None = None
    settings: dict[str, Any] = {}
    origin: int | None = None
    ended_at: dt.datetime | None = None
    one_kind: bool = False


class RoundsQuery(msgspec.Struct, frozen=True):
    """Rounds with a higher number than `after`, oldest first, at most `limit` of them."""

    after: Annotated[int, Meta(ge=-1, le=2**53)] = -1
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class Round(msgspec.Struct, frozen=True):
    """A closed round. Numbers that are not finite are null."""

    number: int
    epoch: int
    mini_batches: int
    examples: int
    loss: float | None
    metrics: dict[str, float | None]
    seconds: float
    validation_loss: float | None = None
    validation_metrics: dict[str, float | None] = {}


class Rounds(msgspec.Struct, frozen=True):
    rounds: list[Round]


class Event(msgspec.Struct, frozen=True):
    at: dt.datetime
    sentence: str


class Events(msgspec.Struct, frozen=True):
    """The newest first."""

    events: list[Event]


class ModelQuery(msgspec.Struct, frozen=True):
    """`which`: `latest`, `best` by validation, or the number of a round whose weights are kept."""

    which: Annotated[str, Meta(pattern="^(latest|best|[0-9]{1,9})$", max_length=9)] = "latest"
    format: ModelFormat = ModelFormat.own


class HistoryQuery(msgspec.Struct, frozen=True):
    """As JSON, or as CSV for a spreadsheet."""

    format: HistoryFormat = HistoryFormat.json


class HistoryRow(msgspec.Struct, frozen=True):
    """One closed round. `learning_rate` is null where it follows a schedule; so is what is not finite."""

    round: int
    epoch: int
    closed_at: dt.datetime
    seconds: float
    mini_batches: int
    examples: int
    learning_rate: float | None
    loss: float | None
    metrics: dict[str, float | None]
    validation_loss: float | None = None
    validation_metrics: dict[str, float | None] = {}


class HistoryRows(msgspec.Struct, frozen=True):
    """All of a project's closed rounds, oldest first."""

    rounds: list[HistoryRow]
