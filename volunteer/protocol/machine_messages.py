"""The messages of the requestor's API about the account's own machines and the keys by which they join."""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from volunteer.protocol.messages import Positive


class NewJoinKey(msgspec.Struct, frozen=True):
    """A key by which so many machines may become hosts of this account within so many hours."""

    label: Annotated[str, Meta(max_length=80)] = ""
    uses: Positive = 1
    hours: Positive = 24


class JoinKeySecret(msgspec.Struct, frozen=True):
    """The key itself: shown this once. `join_file` is the text of a file that machines join by without a question."""

    key: str
    join_file: str


class JoinKey(msgspec.Struct, frozen=True):
    id: int
    label: str
    uses_left: int
    expires_at: dt.datetime
    created_at: dt.datetime


class JoinKeys(msgspec.Struct, frozen=True):
    join_keys: list[JoinKey]


class HostTrouble(msgspec.Struct, frozen=True):
    """What went wrong on a machine of late, and what to do, in a sentence."""

    at: dt.datetime
    sentence: str


class HostLine(msgspec.Struct, frozen=True):
    """One of this account's machines. `doing` is a sentence; `memory` in bytes.

    `outdated`: there is a newer version than `software`. `troubles`: the newest first. A machine in quarantine gets no
    work; an appeal waits for the operator while it has no answer.
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
    mini_batches: int
    credit: float
    software: str
    outdated: bool
    troubles: list[HostTrouble]
    quarantined_at: dt.datetime | None
    quarantine_reason: str
    appeal: str
    appealed_at: dt.datetime | None
    appeal_answer: str
    may_appeal: bool


class HostChange(msgspec.Struct, frozen=True):
    """What is not named stays."""

    name: Annotated[str, Meta(max_length=1000)] | None = None


class Appeal(msgspec.Struct, frozen=True):
    """What the operator should know before a machine's quarantine is looked at again."""

    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class HostLines(msgspec.Struct, frozen=True):
    hosts: list[HostLine]
