"""Every way in which the server says no to a host or a script: a code for programs, a status, a sentence for people."""

import enum
from typing import Annotated

import msgspec


class RefusalCode(enum.StrEnum):
    """The words are part of the protocol: they may be added to, never renamed."""

    malformed_request = "malformed_request"
    unknown_token = "unknown_token"
    join_key_invalid = "join_key_invalid"
    host_too_old = "host_too_old"
    not_your_result = "not_your_result"
    no_such_result = "no_such_result"
    no_such_blob = "no_such_blob"
    stale_result = "stale_result"
    result_ended = "result_ended"
    digest_mismatch = "digest_mismatch"
    malformed_gradient = "malformed_gradient"
    too_large = "too_large"
    length_required = "length_required"
    too_slow = "too_slow"
    no_such_thing = "no_such_thing"
    not_now = "not_now"
    not_acceptable = "not_acceptable"
    missing_scope = "missing_scope"
    account_blocked = "account_blocked"
    host_quarantined = "host_quarantined"
    upload_gone = "upload_gone"
    upload_conflict = "upload_conflict"
    upload_locked = "upload_locked"
    checksum_mismatch = "checksum_mismatch"
    quota_exceeded = "quota_exceeded"
    authorization_pending = "authorization_pending"
    slow_down = "slow_down"
    access_denied = "access_denied"
    expired_token = "expired_token"
    too_many_tries = "too_many_tries"
    busy = "busy"
    server_error = "server_error"


class Consequence(enum.StrEnum):
    """What a host does about a refusal."""

    retry_later = "retry_later"
    drop_result = "drop_result"
    stop = "stop"


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every answer that is not a success. `field`: where a form's mistake is, if that is known."""

    code: str
    sentence: Annotated[str, msgspec.Meta(max_length=2000)]
    field: str = ""


class _Kind(msgspec.Struct, frozen=True):
    status: int
    consequence: Consequence
    sentence: str


_R, _D, _S = Consequence.retry_later, Consequence.drop_result, Consequence.stop

KINDS: dict[RefusalCode, _Kind] = {
    RefusalCode.malformed_request: _Kind(400, _D, "I cannot read this request."),
    RefusalCode.unknown_token: _Kind(401, _S, "I do not know this host's token. Attach the machine again."),
    RefusalCode.join_key_invalid: _Kind(403, _S, "This join key is unknown, used up or out of date. Make a new one."),
    RefusalCode.host_too_old: _Kind(426, _S, "This program is too old for this grid."),
    RefusalCode.not_your_result: _Kind(403, _D, "This result was leased to another host."),
    RefusalCode.no_such_result: _Kind(404, _D, "I know no such result."),
    RefusalCode.no_such_blob: _Kind(404, _D, "I have no such blob for you: ask for work first."),
    RefusalCode.stale_result: _Kind(409, _D, "The round of this result is closed; it is not needed any more."),
    RefusalCode.result_ended: _Kind(409, _D, "This result has already ended in another way."),
    RefusalCode.digest_mismatch: _Kind(422, _R, "The bytes that arrived are not those that the digest names."),
    RefusalCode.malformed_gradient: _Kind(422, _D, "This is not a gradient of the leased work."),
    RefusalCode.too_large: _Kind(413, _D, "This upload is larger than it may be."),
    RefusalCode.length_required: _Kind(411, _D, "An upload must state its length."),
    RefusalCode.too_slow: _Kind(408, _R, "The upload stopped for too long."),
    RefusalCode.no_such_thing: _Kind(404, _D, "There is no such thing, or it is not yours."),
    RefusalCode.not_now: _Kind(409, _D, "This cannot be done in the present state."),
    RefusalCode.not_acceptable: _Kind(422, _D, "What was entered cannot be used."),
    RefusalCode.missing_scope: _Kind(403, _D, "This access token may not be used for that."),
    RefusalCode.account_blocked: _Kind(403, _S, "This account is blocked. Ask the operator of the grid."),
    RefusalCode.host_quarantined: _Kind(
        403, _S, "This machine is in quarantine and gets no work: see it under My computers, and appeal there."
    ),
    RefusalCode.upload_gone: _Kind(410, _D, "This upload was not gone on with for too long. Begin it anew."),
    RefusalCode.upload_conflict: _Kind(409, _R, "The upload stands at another byte."),
    RefusalCode.upload_locked: _Kind(423, _R, "Another connection is sending this upload. Try again in a moment."),
    RefusalCode.checksum_mismatch: _Kind(460, _R, "The bytes that arrived are not those that the checksum names."),
    RefusalCode.quota_exceeded: _Kind(413, _D, "This is more than you may upload now."),
    RefusalCode.authorization_pending: _Kind(400, _R, "Nobody has confirmed this code yet. Ask again."),
    RefusalCode.slow_down: _Kind(400, _R, "This is asked too often. Wait five seconds longer each time."),
    RefusalCode.access_denied: _Kind(400, _S, "Somebody has refused to link this machine."),
    RefusalCode.expired_token: _Kind(400, _S, "This code is unknown, used or out of date. Ask for a new one."),
    RefusalCode.too_many_tries: _Kind(429, _R, "Too many tries in a short time. Wait a few minutes and try again."),
    RefusalCode.busy: _Kind(503, _R, "The server is busy. Try again in a moment."),
    RefusalCode.server_error: _Kind(500, _R, "Something went wrong in the server; it has been recorded."),
}


def status_of(code: RefusalCode) -> int:
    """The HTTP status that goes with a refusal."""
    return KINDS[code].status


def consequence_of(code: str, status: int) -> Consequence:
    """What a host does about a code, which a newer server may have added: then the status decides."""
    if code in RefusalCode.__members__:
        return KINDS[RefusalCode(code)].consequence
    if status >= 500 or status in (408, 429):
        return Consequence.retry_later
    return Consequence.stop if status in (401, 426) else Consequence.drop_result


def refusal(code: RefusalCode, detail: str = "") -> Refusal:
    """The code's own sentence, with what is particular to this case behind it."""
    sentence = KINDS[code].sentence
    return Refusal(code.value, f"{sentence} {detail}".strip())
