"""The volunteers' API on the wire: routes, messages, refusals, uploads, downloads, waiting."""

import hashlib
import re
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from server import errors
from server.domain.devices import NewLink
from server.web import places, uploads, volunteer_api
from server.web.errors import ANSWERS
from volunteer.protocol import messages, openapi
from volunteer.protocol.digests import content_digest
from volunteer.protocol.endpoints import ENDPOINTS, GRADIENT_TYPE, PREFIX, Endpoint
from volunteer.protocol.refusals import Refusal, RefusalCode, status_of

SHA = "ab" * 32
BODY = b"a gradient " * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()
NO_WORK = messages.NoWork(2.0, "No project needs work now.")
LEASE = messages.Lease(
    "7", "1", 0, 0, [1, 2], messages.BlobRef(SHA, 1), messages.BlobRef(SHA, 2),
    [messages.ShardRef(0, messages.BlobRef(SHA, 3))], 60.0, 5.0,
)  # fmt: skip
DOMAIN_METHOD = {
    "attach": "attach", "device": "ask", "device_token": "poll", "numbers": "numbers", "detach_self": "leave",
    "work": "ask", "blob": "open_for_host", "heartbeat": "heartbeat", "report": "report",
    "beginning": "allowance", "give_back": "give_back",
}  # fmt: skip


def call(host: FlaskClient, name: str, machine: messages.Machine, **kwargs: Any) -> Any:
    """A well-formed request to that endpoint."""
    endpoint = next(each for each in ENDPOINTS if each.name == name)
    path = PREFIX + endpoint.path.format(sha256=SHA, result="7")
    bodies: dict[str, Any] = {
        "attach": messages.AttachRequest("a join key", "desk", machine),
        "device": messages.DeviceRequest("desk", machine),
        "device_token": messages.DeviceTokenRequest("a device code"),
        "work": messages.WorkRequest(machine),
        "heartbeat": messages.Heartbeat(1),
        "give_back": messages.GiveBack(messages.GiveBackReason.quitting),
    }
    if name == "report":
        headers = {"Content-Digest": content_digest(DIGEST), "Content-Type": GRADIENT_TYPE}
        given = {"data": BODY, "headers": headers, **kwargs}
    else:
        given = {"data": messages.encode(bodies[name]) if name in bodies else None, **kwargs}
    return host.open(path, method=endpoint.method, **given)


def refused(answer: Any) -> tuple[int, str]:
    assert answer.mimetype == "application/json"
    return answer.status_code, messages.decode(answer.data, Refusal).code


def work_reply(answer: Any) -> Any:
    kind: Any = messages.WorkReply
    return messages.decode(answer.data, kind)


def test_every_endpoint_of_the_protocol_has_its_route_and_no_other_is_there(host: FlaskClient) -> None:
    rules = {
        (re.sub(r"<(?:int\(.*?\):)?(\w+)>", r"{\1}", rule.rule).replace("{name}", "{upload}"), method)
        for rule in host.application.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in (rule.methods or set()) - (set() if "/uploads" in rule.rule else {"HEAD", "OPTIONS"})
    }
    # What tus has for senders whose way lets only GET and POST through, its own text describes.
    of_tus = {(f"{PREFIX}/uploads/{{upload}}", "POST"), (f"{PREFIX}/uploads/{{upload}}", "OPTIONS")}
    of_tus.add((f"{PREFIX}/uploads", "HEAD"))
    described = {(PREFIX + e.path, e.method) for e in openapi.EVERY} | {(f"{PREFIX}/openapi.json", "GET")}
    assert rules - of_tus == described


def test_the_document_is_served(host: FlaskClient) -> None:
    assert host.get(f"{PREFIX}/openapi.json").json == openapi.document()


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("attach", messages.Attached("1", "token", "a grid")),
        ("device_token", messages.Attached("1", "token", "a grid")),
        ("numbers", messages.HostNumbers("desk", "owner", 3, 12, 12)),
        ("work", LEASE),
        ("work", NO_WORK),
        ("heartbeat", messages.HeartbeatReply(True, 3.0)),
        ("report", messages.ReportReply(messages.Verdict.pending)),
        ("give_back", messages.Acknowledged("Thank you.")),
    ],
)
def test_replies_travel_as_their_messages(
    host: FlaskClient, told: Any, machine: messages.Machine, name: str, reply: msgspec.Struct
) -> None:
    told.answers.update({DOMAIN_METHOD[name]: reply, "allowance": 10**6})
    answer = call(host, name, machine)
    kind: Any = messages.WorkReply if name == "work" else type(reply)
    assert answer.status_code == 200
    assert messages.decode(answer.data, kind) == reply
    assert "Set-Cookie" not in answer.headers


def test_a_machine_is_told_where_its_code_is_confirmed_and_a_host_that_its_token_has_ended(
    host: FlaskClient, told: Any, machine: messages.Machine
) -> None:
    told.answers["ask"] = NewLink("daigdevice_secret", "BCDF-GHJK")
    code = messages.decode(call(host, "device", machine).data, messages.DeviceCode)
    page = "http://localhost/device"
    assert code == messages.DeviceCode(
        "daigdevice_secret", "BCDF-GHJK", page, f"{page}?code=BCDF-GHJK", 900, 5
    )
    told.answers["leave"] = None
    assert messages.decode(call(host, "detach_self", machine).data, messages.Acknowledged).sentence
    assert told.asked[-1][0] == "leave"


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.needs_token], ids=lambda e: e.name)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic dTpw"])
def test_without_its_token_a_host_gets_nothing(
    host: FlaskClient, machine: messages.Machine, endpoint: Endpoint, header: str
) -> None:
    host.environ_base["HTTP_AUTHORIZATION"] = header
    answer = call(host, endpoint.name, machine)
    assert refused(answer) == (401, "unknown_token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


# Releases are for everybody, and come from another part of the domain.
HOSTS_OWN = [e for e in ENDPOINTS if not e.name.startswith("release_")]
DOMAIN_ERRORS = {
    RefusalCode.join_key_invalid: errors.JoinKeyInvalid,
    RefusalCode.host_too_old: errors.HostTooOld,
    RefusalCode.authorization_pending: errors.LinkPending,
    RefusalCode.slow_down: errors.LinkTooFast,
    RefusalCode.access_denied: errors.LinkDenied,
    RefusalCode.expired_token: errors.LinkExpired,
    RefusalCode.account_blocked: errors.AccountBlocked,
    RefusalCode.host_quarantined: errors.HostQuarantined,
    RefusalCode.too_many_tries: errors.TooManyTries,
    RefusalCode.no_such_blob: errors.NoSuchBlob,
    RefusalCode.no_such_result: errors.NoSuchResult,
    RefusalCode.not_your_result: errors.NotYourResult,
    RefusalCode.stale_result: errors.StaleResult,
    RefusalCode.result_ended: errors.ResultEnded,
    RefusalCode.digest_mismatch: errors.DigestMismatch,
    RefusalCode.malformed_gradient: errors.MalformedGradient,
    RefusalCode.too_large: errors.TooLarge,
    RefusalCode.busy: errors.SomebodyElseWasFirst,
}


@pytest.mark.parametrize(
    ("endpoint", "code"),
    [(e, code) for e in HOSTS_OWN for code in (*e.refusals, RefusalCode.busy) if code in DOMAIN_ERRORS],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_what_the_domain_refuses_reaches_the_host_as_its_code(
    host: FlaskClient, told: Any, machine: messages.Machine, endpoint: Endpoint, code: RefusalCode
) -> None:
    told.answers.update({"allowance": 10**6, DOMAIN_METHOD[endpoint.name]: DOMAIN_ERRORS[code]("Because.")})
    answer = call(host, endpoint.name, machine)
    assert refused(answer) == (status_of(code), code)
    assert messages.decode(answer.data, Refusal).sentence.endswith("Because.")
    assert list(told.folder.iterdir()) == []


def test_the_table_answers_every_error_of_the_domain() -> None:
    known = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert set(ANSWERS) == set(known)
    for kind, answer in ANSWERS.items():
        assert answer.status == status_of(answer.code) or kind in (
            errors.NotAcceptable, errors.NotDelivered
        )  # fmt: skip


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b"\xff", b"{" * 5000, b'{"done": -1}', b'{"done": "x"}']
)
def test_a_message_that_cannot_be_read_is_refused_with_a_sentence(host: FlaskClient, body: bytes) -> None:
    answer = host.post(f"{PREFIX}/results/7/heartbeat", data=body)
    assert refused(answer) == (400, "malformed_request")


def test_unknown_fields_are_ignored_so_that_hosts_of_other_versions_live_on(
    host: FlaskClient, told: Any
) -> None:
    told.answers["heartbeat"] = messages.HeartbeatReply(True, 3.0)
    assert host.post(f"{PREFIX}/results/7/heartbeat", data=b'{"done": 1, "mood": "good"}').status_code == 200


def test_a_message_too_long_to_be_one_is_not_read(host: FlaskClient) -> None:
    answer = host.post(f"{PREFIX}/results/7/heartbeat", data=b" " * (uploads.FORM_BYTES + 1))
    assert refused(answer) == (400, "malformed_request")


def test_the_longest_list_of_held_blobs_fits(host: FlaskClient, told: Any, machine: messages.Machine) -> None:
    told.answers["ask"] = NO_WORK
    message = messages.WorkRequest(machine, [SHA] * 20_000)
    assert host.post(f"{PREFIX}/work", data=messages.encode(message)).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/work", 405)])
def test_what_the_protocol_does_not_have_is_refused_as_json(
    host: FlaskClient, method: str, path: str, status: int
) -> None:
    assert refused(host.open(PREFIX + path, method=method)) == (status, "malformed_request")


# Uploads


def test_a_gradient_arrives_whole_and_leaves_no_temporary_file(
    host: FlaskClient, told: Any, machine: messages.Machine
) -> None:
    told.answers.update(report=messages.ReportReply(messages.Verdict.valid), allowance=len(BODY))
    assert call(host, "report", machine).status_code == 200
    assert told.received == BODY
    assert told.asked[-1] == ("report", ("steady", "7", DIGEST))
    assert list(told.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("most", "headers", "code"),
    [
        (len(BODY) - 1, {"Content-Digest": content_digest(DIGEST)}, "too_large"),
        (10**6, {"Content-Digest": content_digest(SHA)}, "digest_mismatch"),
        (10**6, {}, "malformed_request"),
        (10**6, {"Content-Digest": "sha-256=:not base64:"}, "malformed_request"),
        (10**6, {"Content-Digest": "md5=:AAAA:"}, "malformed_request"),
    ],
)
def test_uploads_that_are_not_what_they_say_never_reach_the_domain(
    host: FlaskClient, told: Any, machine: messages.Machine, most: int, headers: dict[str, str], code: str
) -> None:
    told.answers["allowance"] = most
    answer = call(host, "report", machine, headers=headers)
    assert refused(answer) == (status_of(RefusalCode(code)), code)
    assert told.received is None
    assert list(told.folder.iterdir()) == []


def test_an_upload_without_a_length_is_refused(host: FlaskClient, told: Any) -> None:
    told.answers["allowance"] = 10**6
    headers = {"Content-Digest": content_digest(DIGEST), "Transfer-Encoding": "chunked"}
    answer = host.put(f"{PREFIX}/results/7/gradient", headers=headers)
    assert refused(answer) == (411, "length_required")


class Stalls:
    """A body of which a first part comes and then nothing."""

    def __init__(self, end: Exception | bytes) -> None:
        self._parts: list[bytes | Exception] = [b"x" * 100, end]

    def read(self, size: int = -1) -> bytes:
        part = self._parts.pop(0) if self._parts else b""
        if isinstance(part, Exception):
            raise part
        return part


@pytest.mark.parametrize(
    ("end", "answer"),
    [(TimeoutError(), (408, "too_slow")), (b"", (400, "malformed_request"))],
    ids=["silent", "gone"],
)
def test_an_upload_that_stops_is_given_up_and_leaves_nothing(
    host: FlaskClient, told: Any, machine: messages.Machine, end: Any, answer: tuple[int, str]
) -> None:
    told.answers["allowance"] = 10**6
    environ = {"wsgi.input": Stalls(end), "CONTENT_LENGTH": "1000"}
    got = call(host, "report", machine, data=None, environ_overrides=environ)
    assert refused(got) == answer
    assert told.received is None
    assert list(told.folder.iterdir()) == []


def test_a_result_that_is_not_needed_any_more_hears_why_and_that_once(
    host: FlaskClient, told: Any, machine: messages.Machine
) -> None:
    for said in ("Another host was first.", ""):
        told.answers["allowance"] = errors.StaleResult(said)
        answer = messages.decode(call(host, "report", machine).data, Refusal)
        assert answer.code == "stale_result"
        assert answer.sentence == (said or "The round of this result is closed; it is not needed any more.")


def test_too_many_uploads_at_once_are_told_to_come_again(
    host: FlaskClient, told: Any, machine: messages.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.answers["allowance"] = 10**6
    full = places.Slots(1)
    monkeypatch.setattr(volunteer_api, "UPLOADING", full)
    with full.taken():
        answer = call(host, "report", machine)
    assert refused(answer) == (503, "busy")
    assert answer.headers["Retry-After"]


# Waiting for work


def test_a_host_that_waits_gets_work_as_soon_as_there_is_some(
    host: FlaskClient, told: Any, machine: messages.Machine
) -> None:
    told.answers["ask"] = [NO_WORK, NO_WORK, LEASE]
    data = messages.encode(messages.WorkRequest(machine, wait_seconds=20))
    answer = host.post(f"{PREFIX}/work", data=data)
    assert work_reply(answer) == LEASE


def test_a_host_that_does_not_wait_is_answered_at_once(
    host: FlaskClient, told: Any, machine: messages.Machine
) -> None:
    told.answers["ask"] = [NO_WORK]
    assert work_reply(call(host, "work", machine)) == NO_WORK
    assert len(told.asked) == 1


def test_waiting_ends_at_the_time_that_the_host_gave(
    host: FlaskClient, told: Any, machine: messages.Machine
) -> None:
    told.answers["ask"] = [NO_WORK]
    data = messages.encode(messages.WorkRequest(machine, wait_seconds=0.2))
    waited_here_already = msgspec.structs.replace(NO_WORK, retry_after_seconds=0.0)
    assert work_reply(host.post(f"{PREFIX}/work", data=data)) == waited_here_already
    assert len(told.asked) < 15


def test_a_request_of_a_program_that_is_gone_does_not_take_its_successors_lease(
    host: FlaskClient, told: Any, machine: messages.Machine
) -> None:
    """The old one still waits when the host, started again, asks anew: only one of the two may be given work."""
    told.answers["ask"] = [NO_WORK, LEASE]
    data = messages.encode(messages.WorkRequest(machine, wait_seconds=20))
    successor: list[Any] = []

    def ask_anew() -> None:
        del told.answers["change"]
        other = host.application.test_client()
        other.environ_base.update(host.environ_base)
        successor.append(work_reply(other.post(f"{PREFIX}/work", data=data)))

    told.answers["change"] = ask_anew
    answer = host.post(f"{PREFIX}/work", data=data)
    assert successor == [LEASE]
    assert isinstance(work_reply(answer), messages.NoWork)
    assert len(told.asked) == 2


def test_when_all_waiting_places_are_taken_the_answer_comes_at_once(
    host: FlaskClient, told: Any, machine: messages.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.answers["ask"] = [NO_WORK]
    full = places.Slots(1)
    monkeypatch.setattr(volunteer_api, "WAITING", full)
    with full.taken():
        data = messages.encode(messages.WorkRequest(machine, wait_seconds=20))
        host.post(f"{PREFIX}/work", data=data)
    assert len(told.asked) == 1
