"""What pages show of the whole grid: leaderboard, public status, the operator's pages. Plain values."""

import datetime as dt

import msgspec

from server.rules.states import ProjectState


class Standing(msgspec.Struct, frozen=True):
    place: int
    name: str
    mini_batches: int
    host_seconds: float


class Standings(msgspec.Struct, frozen=True):
    """`others`: how many gave as well and are not named; with their sums."""

    rows: list[Standing]
    others: int
    other_mini_batches: int
    other_seconds: float


class Leaderboard(msgspec.Struct, frozen=True):
    """`lately`: the last seven days."""

    lately: Standings
    ever: Standings


class AnonymousProject(msgspec.Struct, frozen=True):
    """A project as everybody may see it. `owner_id` is for finding one's own, and is shown to nobody."""

    id: int
    owner_id: int
    state: ProjectState
    round: int
    epoch: int
    epochs: int
    hosts: int


class StatusView(msgspec.Struct, frozen=True):
    """The grid's work at an instant. Mini-batches a second over five minutes; rounds and bytes over an hour."""

    hosts_awake: int
    hosts_at_work: int
    threads: int
    memory: int
    mini_batches_per_second: float
    rounds_per_hour: int
    bytes_down: int
    bytes_up: int
    being_computed: int
    waiting_for_verdict: int
    versions: list[tuple[str, int]]
    started_at: dt.datetime
    projects: list[AnonymousProject]


class AccountRow(msgspec.Struct, frozen=True):
    """An account as an operator sees it."""

    id: int
    name: str
    email: str
    created_at: dt.datetime
    is_operator: bool
    blocked_at: dt.datetime | None
    hosts: int
    projects: int


class HostRow(msgspec.Struct, frozen=True):
    """A host as an operator sees it; counts of the last seven days."""

    id: int
    name: str
    owner: str
    system: str
    software: str
    threads: int
    last_seen_at: dt.datetime | None
    good: int
    bad: int
    lost: int


class ProjectRow(msgspec.Struct, frozen=True):
    id: int
    name: str
    owner: str
    state: ProjectState
    reason: str
    round: int
    created_at: dt.datetime


class LetterRow(msgspec.Struct, frozen=True):
    """A letter that was not sent; nothing of what stands in it, nor to whom."""

    id: int
    channel: str
    created_at: dt.datetime
    due_at: dt.datetime
    tries: int
    given_up_at: dt.datetime | None
    trouble: str


class GridEvent(msgspec.Struct, frozen=True):
    at: dt.datetime
    project_id: int
    project: str
    sentence: str


class OperatorView(msgspec.Struct, frozen=True):
    hosts: list[HostRow]
    projects: list[ProjectRow]
    letters: list[LetterRow]
    letters_waiting: int
    letters_sent: int
    letters_given_up: int
    disk_used: int
    disk_free: int
    database_size: int
    accounts: int
    settings: list[tuple[str, str]]
    events: list[GridEvent]
