import json
from typing import Any

import msgspec
import pytest

from volunteer.protocol import endpoints, messages
from volunteer.protocol.messages import (
    AttachRequest,
    GiveBack,
    GiveBackReason,
    Heartbeat,
    Lease,
    Machine,
    Malformed,
    NoWork,
    ReportReply,
    Verdict,
    WorkReply,
    WorkRequest,
    decode,
    encode,
)
from volunteer.protocol.releases import Manifest

MACHINE: dict[str, Any] = {
    "system": "Linux", "processor": "x", "threads": 4, "memory": 2**33, "software": "0.1.0", "protocol": 1,
    "numerics": 1,
}  # fmt: skip
ATTACH: dict[str, Any] = {"join_key": "daigjoin_abc", "name": "pc", "machine": MACHINE}
BLOB = {"sha256": "a" * 64, "size": 10}
LEASE: dict[str, Any] = {
    "type": "lease", "result": "7", "project": "1", "round": 3, "epoch": 0, "mini_batches": [4, 2], "plan": BLOB,
    "weights": BLOB, "shards": [{"index": 0, "blob": BLOB}], "deadline_seconds": 30, "heartbeat_seconds": 1.5,
}  # fmt: skip


def raw(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_messages_survive_the_journey() -> None:
    lease = decode(raw(LEASE), Lease)
    assert decode(encode(lease), WorkReply) == lease  # type: ignore[arg-type]
    request = WorkRequest(Machine(**MACHINE), ["b" * 64], 20.0)
    assert decode(encode(request), WorkRequest) == request


def test_unknown_fields_are_ignored_so_that_old_hosts_live_on() -> None:
    assert decode(raw({**LEASE, "colour": {"red": [1]}}), Lease) == decode(raw(LEASE), Lease)
    newer = {**ATTACH, "tags": [], "machine": {**MACHINE, "gpu": "none"}}
    assert decode(raw(newer), AttachRequest) == decode(raw(ATTACH), AttachRequest)


def test_fields_that_an_older_side_does_not_send_have_defaults() -> None:
    assert decode(raw({"machine": MACHINE}), WorkRequest) == WorkRequest(Machine(**MACHINE))
    assert decode(raw(LEASE), Lease).frozen_weights is None
    assert decode(b'{"reason":"quitting"}', GiveBack) == GiveBack(GiveBackReason.quitting)


@pytest.mark.parametrize("field", [name for name in LEASE if name != "type"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(Malformed, match=field):
        decode(raw({name: value for name, value in LEASE.items() if name != field}), Lease)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"join_key": 5}, "join_key"),
        ({"join_key": "short"}, "join_key"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"machine": None}, "machine"),
        ({"machine": {**MACHINE, "threads": 0}}, r"machine\.threads"),
        ({"machine": {**MACHINE, "threads": "4"}}, r"machine\.threads"),
        ({"machine": {**MACHINE, "threads": 4.5}}, r"machine\.threads"),
        ({"machine": {**MACHINE, "memory": -1}}, r"machine\.memory"),
        ({"machine": {**MACHINE, "memory": 2**60}}, r"machine\.memory"),
        ({"machine": {**MACHINE, "protocol": 0}}, r"machine\.protocol"),
        ({"machine": {**MACHINE, "system": ["x"]}}, r"machine\.system"),
    ],
)
def test_a_wrong_type_or_a_number_out_of_range_is_refused_with_its_place(change: dict[str, Any], named: str) -> None:
    with pytest.raises(Malformed, match=named):
        decode(raw({**ATTACH, **change}), AttachRequest)


@pytest.mark.parametrize(
    ("kind", "message", "named"),
    [
        (WorkRequest, {"machine": MACHINE, "held": ["A" * 64]}, r"held\[0\]"),
        (WorkRequest, {"machine": MACHINE, "held": ["a" * 64 + "\n"]}, r"held\[0\]"),
        (WorkRequest, {"machine": MACHINE, "held": ["a" * 64] * 20_001}, "held"),
        (WorkRequest, {"machine": MACHINE, "wait_seconds": 31}, "wait_seconds"),
        (WorkRequest, {"machine": MACHINE, "wait_seconds": -1}, "wait_seconds"),
        (Heartbeat, {"done": -1}, "done"),
        (GiveBack, {"reason": "bored"}, "reason"),
        (GiveBack, {"reason": "failed", "detail": "x" * 2001}, "detail"),
        (Lease, {**LEASE, "mini_batches": []}, "mini_batches"),
        (Lease, {**LEASE, "plan": {**BLOB, "sha256": "../x"}}, r"plan\.sha256"),
        (ReportReply, {"verdict": "splendid"}, "verdict"),
    ],
)
def test_every_message_keeps_its_ranges(kind: type, message: dict[str, Any], named: str) -> None:
    with pytest.raises(Malformed, match=named):
        decode(raw(message), kind)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"', b'{"done": 1} x', b'{"done":' + b"[" * 200_000,
        b'{"done": NaN}',
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data, Heartbeat)


def test_the_two_answers_to_a_request_for_work_are_told_apart_by_their_type() -> None:
    assert isinstance(decode(b'{"type":"no_work","retry_after_seconds":2,"reason":"x"}', WorkReply), NoWork)  # type: ignore[arg-type]
    with pytest.raises(Malformed, match="type"):
        decode(raw({**LEASE, "type": "holiday"}), WorkReply)  # type: ignore[arg-type]


def test_every_message_of_an_endpoint_is_frozen_and_tells_what_it_is_for() -> None:
    for endpoint in endpoints.ENDPOINTS:
        for kind in (*endpoint.gives, *((endpoint.takes,) if endpoint.takes else ())):
            assert issubclass(kind, msgspec.Struct)
            assert kind.__struct_config__.frozen
            assert not kind.__struct_config__.forbid_unknown_fields
            assert kind.__doc__


def test_the_words_of_the_protocol_are_never_renamed() -> None:
    assert {verdict.value for verdict in Verdict} >= {"pending", "valid", "invalid", "unneeded"}
    assert {reason.value for reason in GiveBackReason} >= {"quitting", "out_of_memory", "failed", "cannot_read"}
    assert messages.Lease.__struct_config__.tag == "lease"


def test_no_message_of_a_host_carries_an_instant():
    """Only how long something takes: a host whose clock is days off must not be able to tell.

    But for a release's: of two manifests the later one counts, and no clock is asked.
    """
    every = [kind for one in endpoints.ENDPOINTS for kind in (one.takes, *one.gives) if kind is not None]
    kinds = [kind for kind in every if kind is not Manifest]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="{name}")
    assert "date-time" not in str(schemas)
