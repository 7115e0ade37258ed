"""The messages of the API for operators about hosts' records, invitations, approvals and the log, as types."""

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

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
