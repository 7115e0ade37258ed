"""The messages of the API for operators about hosts' records, invitations, approvals and the log, as types."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from volunteer.protocol.account_messages import HostRow

Sentence = Annotated[str, Meta(min_length=1, max_length=1000)]


class Reason(msgspec.Struct, frozen=True):
    """Why; whom it concerns reads it."""

    reason: Sentence


class Invitation(msgspec.Struct, frozen=True):
    """`maker` is the operator who made it; its code was shown to that one only."""

    id: int
    label: str
    maker: str
    uses_left: int
    expires_at: dt.datetime
    created_at: dt.datetime


class Invitations(msgspec.Struct, frozen=True):
    invitations: list[Invitation]


class NewInvitation(msgspec.Struct, frozen=True):
    """For how many people, and for how long."""

    label: Annotated[str, Meta(max_length=80)] = ""
    uses: Annotated[int, Meta(ge=1, le=10_000)] = 1
    days: Annotated[int, Meta(ge=1, le=366)] = 7


class InvitationCode(msgspec.Struct, frozen=True):
    """Shown this once. `address` is the sign-up page with the code filled in."""

    code: str
    address: str


Which = Literal["all", "doubted", "quarantined", "appealed", "referees"]


class HostsQuery(msgspec.Struct, frozen=True):
    """`search`: a part of a machine's name, or of its owner's; `page`: 200 machines each, the first is 1.

    `doubted`: whom others ever disagreed with, by the share of disagreement and how often that was seen, the most
    doubted first; else the newest first.
    """

    which: Which = "all"
    search: Annotated[str, Meta(max_length=100)] = ""
    page: Annotated[int, Meta(ge=1, le=10_000)] = 1


class HostRows(msgspec.Struct, frozen=True):
    hosts: list[HostRow]


class JudgedResult(msgspec.Struct, frozen=True):
    """A result of a host and what became of it. `purpose`: work, check or audit; `sentence` says why.

    `suspicion`: which of the checks of every gradient wanted another opinion; `confirmed_at`: another one agreed.
    """

    id: int
    project_id: int
    project: str
    round: int
    mini_batches: int
    purpose: str
    state: str
    ended_at: dt.datetime | None
    suspicion: str
    sentence: str
    confirmed_at: dt.datetime | None


class HostRecord(msgspec.Struct, frozen=True):
    """A host with its newest results. `trusted`: its results count at once; `trust_after` is what that takes.

    `account_quarantined`: machines of its account that are in quarantine, those that were detached since, too;
    `may_be_referee`: it is an operator's.
    """

    host: HostRow
    may_be_referee: bool
    trusted: bool
    trust_after: int
    account_hosts: int
    account_quarantined: int
    numeric_class: str
    results: list[JudgedResult]


class AuditedUnit(msgspec.Struct, frozen=True):
    """`verdict`: wanted, agreed, refuted or impossible; `wrong`: the machines whose results were found invalid."""

    unit: int
    project_id: int
    project: str
    round: int
    mini_batches: int
    verdict: str
    wrong: list[str]


class Audits(msgspec.Struct, frozen=True):
    """What referees said of the units that they computed again; `units`: those found wrong first, then the newest."""

    wanted: int
    agreed: int
    refuted: int
    impossible: int
    referees: int
    units: list[AuditedUnit]


class ActionsQuery(msgspec.Struct, frozen=True):
    """`before`: the id of one that is known already."""

    before: Annotated[int, Meta(ge=1, le=2**53)] | None = None


class Action(msgspec.Struct, frozen=True):
    """Who did what. `actor_id` is null where the grid itself acted."""

    id: int
    at: dt.datetime
    actor_id: int | None
    actor: str
    what: str
    subject: str
    detail: str


class Actions(msgspec.Struct, frozen=True):
    """The newest first."""

    actions: list[Action]
