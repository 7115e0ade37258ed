"""The messages of the API for accounts and for operators: what their pages show and do, as types."""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

Password = Annotated[str, Meta(max_length=1000)]


class VersionCount(msgspec.Struct, frozen=True):
    """How many awake hosts run a version of the volunteer's program."""

    version: str
    hosts: int


class GridStatus(msgspec.Struct, frozen=True):
    """The grid's work at an instant. Mini-batches a second over five minutes; rounds and bytes over an hour.

    `projects`: how many are going on; `versions`: of the programs of the hosts that are awake.
    """

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
    versions: list[VersionCount]
    started_at: dt.datetime
    projects: int


class Contact(msgspec.Struct, frozen=True):
    """How an account is told things. `pending_email` was given and waits to be confirmed by its link."""

    sends_mail: bool
    email: str
    pending_email: str
    tell_by_mail: bool
    webhook_url: str
    webhook_secret: str
    webhook_trouble: str
    webhook_sent_at: dt.datetime | None
    is_listed: bool
    lists_hosts: bool
    is_exported: bool


class PasswordChange(msgspec.Struct, frozen=True):
    old_password: Password
    new_password: Password


class EmailChange(msgspec.Struct, frozen=True):
    """A letter with a link goes to the address; it is the account's once that was followed."""

    email: Annotated[str, Meta(max_length=254)]
    password: Password


class Proof(msgspec.Struct, frozen=True):
    """The account's password: what it is sent for cannot be undone, or would let a thief stay."""

    password: Password


class Notifications(msgspec.Struct, frozen=True):
    """`webhook_url` "" is none; a new one gets a secret of its own, which signs what is sent there."""

    tell_by_mail: bool
    webhook_url: Annotated[str, Meta(max_length=500)] = ""


class Listing(msgspec.Struct, frozen=True):
    """What the leaderboard may show: the account's name, and its machines, without theirs. What is not named stays.

    `is_exported`: the files for statistics sites may hold both, and of machines also processor, memory, measured speed,
    the system's version and the day of the last contact.
    """

    is_listed: bool
    lists_hosts: bool | None = None
    is_exported: bool | None = None


class AccessToken(msgspec.Struct, frozen=True):
    id: int
    label: str
    scopes: list[str]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None


class AccessTokens(msgspec.Struct, frozen=True):
    tokens: list[AccessToken]


class NewAccessToken(msgspec.Struct, frozen=True):
    """Without `days` it lasts until it is revoked."""

    scopes: Annotated[list[Annotated[str, Meta(max_length=20)]], Meta(max_length=10)]
    password: Password
    label: Annotated[str, Meta(max_length=80)] = ""
    days: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class AccessTokenSecret(msgspec.Struct, frozen=True):
    """Shown this once."""

    token: str


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


class AccountRows(msgspec.Struct, frozen=True):
    accounts: list[AccountRow]


class AccountsQuery(msgspec.Struct, frozen=True):
    """`search`: a part of a name or an address."""

    search: Annotated[str, Meta(max_length=100)] = ""


class HostRow(msgspec.Struct, frozen=True):
    """A host as an operator sees it; `good`, `bad`, `lost` count the last seven days.

    `trust`: confirmed results in a row, and `account_trust` those of all the account's hosts. `confirmed`, `disagreed`
    and `refuted` count what other opinions said of its results, ever. An appeal without an answer waits.
    """

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
    account_id: int
    trust: int
    account_trust: int
    confirmed: int
    disagreed: int
    refuted: int
    is_referee: bool
    quarantined_at: dt.datetime | None
    quarantine_reason: str
    appeal: str
    appealed_at: dt.datetime | None
    appeal_answer: str


class ProjectRow(msgspec.Struct, frozen=True):
    """`facts`: what is known of a project that waits for an approval, as its owner reads it."""

    id: int
    name: str
    owner: str
    state: str
    reason: str
    round: int
    created_at: dt.datetime
    facts: list[tuple[str, str]] = []


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


class Overview(msgspec.Struct, frozen=True):
    """The whole grid as its operator sees it; sizes in bytes, settings without secrets.

    `appeals` of machines in quarantine, and projects for `approvals`, wait for an operator.
    """

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
    appeals: int
    approvals: int
    settings: list[tuple[str, str]]
    events: list[GridEvent]
