"""The messages of the volunteer's API, as types.

Decoding refuses missing fields, wrong types and numbers out of range with a sentence, and ignores fields that it does
not know, so that old hosts live on. The OpenAPI document is made from these very definitions.
"""

import enum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

# The length too: in Python `$` also matches before a newline at the end.
Sha256 = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", max_length=64, description="A blob's name: SHA-256 of its bytes.")
]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Sentence = Annotated[str, Meta(max_length=2000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Positive = Annotated[int, Meta(ge=1, le=2**53)]
Seconds = Annotated[float, Meta(ge=0, le=10**9)]


class Malformed(ValueError):
    """A message that is not what it should be; the text says where."""


class BlobRef(msgspec.Struct, frozen=True):
    """A blob to fetch: its name and its size in bytes."""

    sha256: Sha256
    size: Count


class ShardRef(msgspec.Struct, frozen=True):
    """The blob that holds shard number `index` of the project."""

    index: Count
    blob: BlobRef


class Machine(msgspec.Struct, frozen=True):
    """What a host says of itself. Sizes in bytes."""

    system: Name
    processor: Annotated[str, Meta(max_length=200)]
    threads: Annotated[int, Meta(ge=1, le=4096)]
    memory: Positive
    software: Name
    protocol: Annotated[int, Meta(ge=1, le=10**6)]
    numerics: Annotated[int, Meta(ge=1, le=10**6)]


class AttachRequest(msgspec.Struct, frozen=True):
    """A machine asks to become a host of the join key's owner.

    `nonce` is random: whoever asks again with the same one, because the answer was lost, is the same host, for one use.
    """

    join_key: Annotated[str, Meta(min_length=8, max_length=200)]
    name: Name
    machine: Machine
    nonce: Annotated[str, Meta(max_length=100)] = ""


class Attached(msgspec.Struct, frozen=True):
    """The host's number and its secret token; the server keeps only the token's hash."""

    host: str
    token: str
    grid: str


class DeviceRequest(msgspec.Struct, frozen=True):
    """A machine asks for a code that a person confirms in a browser (RFC 8628, device authorization)."""

    name: Name
    machine: Machine


class DeviceCode(msgspec.Struct, frozen=True):
    """The machine keeps `device_code` to itself and shows `user_code`; fields and seconds as RFC 8628 has them."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: Count
    interval: Count


class DeviceTokenRequest(msgspec.Struct, frozen=True):
    """Has the person confirmed yet? Asked again and again, `interval` seconds apart."""

    device_code: Annotated[str, Meta(min_length=8, max_length=200)]


class HostNumbers(msgspec.Struct, frozen=True):
    """What the grid knows of the host that asks: units and mini-batches found valid, and credit for them.

    `account` is the name of the host's owner.
    """

    name: str
    account: str
    units: Count
    mini_batches: Count
    credit: Count


class WorkRequest(msgspec.Struct, frozen=True):
    """A host asks for work: what it holds already, and how long it is willing to wait for an answer."""

    machine: Machine
    held: Annotated[list[Sha256], Meta(max_length=20_000)] = []
    wait_seconds: Annotated[float, Meta(ge=0, le=30)] = 0.0


class Lease(msgspec.Struct, frozen=True, tag="lease"):
    """One result: a list of mini-batches of one round, to be computed from that round's weights.

    `deadline_seconds` and `heartbeat_seconds` count from the answer, by the server's clock.
    """

    result: str
    project: str
    round: Count
    epoch: Count
    mini_batches: Annotated[list[Count], Meta(min_length=1)]
    plan: BlobRef
    weights: BlobRef
    shards: list[ShardRef]
    deadline_seconds: Seconds
    heartbeat_seconds: Seconds
    frozen_weights: BlobRef | None = None
    forget: list[Sha256] = []


class NoWork(msgspec.Struct, frozen=True, tag="no_work"):
    """Nothing to do now. `forget` names held blobs whose project is gone: delete them."""

    retry_after_seconds: Seconds
    reason: Sentence
    forget: list[Sha256] = []


WorkReply = Lease | NoWork


class Heartbeat(msgspec.Struct, frozen=True):
    """A sign of life: how many mini-batches of the result are done."""

    done: Count


class HeartbeatReply(msgspec.Struct, frozen=True):
    """Whether to go on. If not, the reason; what was computed is not needed any more."""

    go_on: bool
    deadline_seconds: Seconds
    reason: Sentence = ""


class Verdict(enum.StrEnum):
    """What became of an uploaded gradient, as far as is known."""

    pending = "pending"
    valid = "valid"
    invalid = "invalid"
    unneeded = "unneeded"


class ReportReply(msgspec.Struct, frozen=True):
    """The answer to an upload; the same upload again gets it again."""

    verdict: Verdict
    sentence: Sentence = ""


class Beginning(msgspec.Struct, frozen=True):
    """How much the server has of a gradient whose upload broke off: `received` bytes of `size`.

    `sha256` is of the whole gradient, so that no other one is gone on with; None: there is nothing to go on with.
    """

    sha256: Sha256 | None = None
    received: Count = 0
    size: Count = 0


class GiveBackReason(enum.StrEnum):
    """Why a host returns a result unfinished."""

    quitting = "quitting"
    out_of_memory = "out_of_memory"
    failed = "failed"
    cannot_read = "cannot_read"


class GiveBack(msgspec.Struct, frozen=True):
    """The host will not finish this result."""

    reason: GiveBackReason
    detail: Sentence = ""


class Acknowledged(msgspec.Struct, frozen=True):
    """Done; nothing more to say."""

    sentence: Sentence = ""


M = TypeVar("M")


def decode(data: bytes, kind: type[M]) -> M:
    """Read a message of that type. Raises Malformed with a sentence that names the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from None


def encode(message: msgspec.Struct) -> bytes:
    return msgspec.json.encode(message)
