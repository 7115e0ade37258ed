"""The client against a real HTTP server that misbehaves."""

import hashlib
import json
import os
import threading
import time

import pytest

from volunteer.client.grid import GridClient
from volunteer.client.limits import Limits
from volunteer.client.transport import USER_AGENT
from volunteer.errors import DropResult, RetryLater, StopAndTell
from volunteer.protocol.digests import content_digest
from volunteer.protocol.endpoints import RESUMABLE_BYTES
from volunteer.protocol.messages import (
    AttachRequest,
    Beginning,
    BlobRef,
    DeviceRequest,
    GiveBack,
    GiveBackReason,
    Lease,
    Machine,
    NoWork,
    Verdict,
    WorkRequest,
)
from volunteer.protocol.refusals import RefusalCode

MACHINE = Machine("Linux", "x86_64", 2, 2**31, "test", 1, 2)
REF = BlobRef("a" * 64, 10)
LEASE = Lease("12", "3", 4, 0, [1, 2], REF, REF, [], 60.0, 5.0)


@pytest.fixture
def client(stand_in):
    client = GridClient(stand_in.url)
    client.use_token("the-secret-token")
    yield client
    client.close()


def always() -> bool:
    return True


def ref(stand_in, data: bytes) -> BlobRef:
    return BlobRef(stand_in.add_blob(data), len(data))


def test_attaching_sends_the_join_key_and_no_token(stand_in):
    client = GridClient(stand_in.url)
    attached = client.attach(AttachRequest("join-me-please", "steady", MACHINE))
    assert (attached.host, attached.token) == ("7", "the-secret-token")
    (_path, headers, body), *_ = stand_in.requests("attach")
    assert "Authorization" not in headers
    assert headers["User-Agent"] == USER_AGENT
    assert json.loads(body)["join_key"] == "join-me-please"
    client.close()


def test_linking_sends_no_token_and_reads_the_code(stand_in):
    client = GridClient(stand_in.url)
    code = client.device(DeviceRequest("steady", MACHINE))
    assert (code.device_code, code.user_code, code.interval) == ("the-device-code", "BCDF-GHJK", 5)
    assert client.device_token(code.device_code).token == "the-secret-token"
    for name, said in (("device", {"name": "steady"}), ("device_token", {"device_code": "the-device-code"})):
        (_path, headers, body), *_ = stand_in.requests(name)
        assert "Authorization" not in headers
        assert said.items() <= json.loads(body).items()
    client.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (RefusalCode.authorization_pending, RetryLater), (RefusalCode.slow_down, RetryLater),
        (RefusalCode.busy, RetryLater), (RefusalCode.access_denied, StopAndTell),
        (RefusalCode.expired_token, StopAndTell), (RefusalCode.account_blocked, StopAndTell),
        (RefusalCode.host_quarantined, StopAndTell),
        (RefusalCode.malformed_request, StopAndTell),
    ],
)  # fmt: skip
def test_what_the_grid_says_of_a_code_is_waited_for_or_told(stand_in, client, code, error):
    stand_in.faults["device_token"] = [code]
    with pytest.raises(error) as caught:
        client.device_token("the-device-code")
    assert caught.value.code == code


def test_a_grid_that_cannot_link_stops_and_tells(stand_in, client):
    stand_in.faults["device"] = [(404, {}, b'{"code": "malformed_request", "sentence": "No such endpoint."}')]
    with pytest.raises(StopAndTell, match="No such endpoint"):
        client.device(DeviceRequest("steady", MACHINE))


def test_a_host_reads_its_numbers_and_detaches_itself_by_its_token(stand_in, client):
    assert client.numbers().credit == 12
    client.detach_self()
    for name in ("numbers", "detach_self"):
        assert stand_in.requests(name)[0][1]["Authorization"] == "Bearer the-secret-token"


def test_a_grid_that_knows_no_numbers_is_asked_again_later(stand_in, client):
    stand_in.faults["numbers"] = [(404, {}, b'{"code": "malformed_request", "sentence": "No such endpoint."}')]
    with pytest.raises(RetryLater):
        client.numbers()


def test_a_netrc_file_does_not_replace_the_token(stand_in, client, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client.work(WorkRequest(MACHINE))
    assert stand_in.requests("work")[0][1]["Authorization"] == "Bearer the-secret-token"


def test_a_refused_join_key_stops_and_tells(stand_in, client):
    stand_in.faults["attach"] = [RefusalCode.join_key_invalid, RefusalCode.malformed_request] * 2
    for key, is_one in (("join-me-please", False), ("daigjoin_x", True)):
        for _ in range(2):
            with pytest.raises(StopAndTell) as refused:
                client.attach(AttachRequest(key, "steady", MACHINE))
            assert refused.value.sentence.startswith("This is not a join key: one begins with daigjoin_") is not is_one


def test_work_is_a_lease_or_a_reason_why_not(stand_in, client):
    assert client.work(WorkRequest(MACHINE, ["b" * 64], 0.5)) == NoWork(0.0, "nothing to do")
    stand_in.answers["work"] = LEASE
    assert client.work(WorkRequest(MACHINE)) == LEASE


def test_connections_are_kept(stand_in, client):
    for _ in range(5):
        client.work(WorkRequest(MACHINE))
        client.heartbeat("12", 1)
    assert stand_in.connections == 1


@pytest.mark.parametrize("fault", [RefusalCode.busy, RefusalCode.server_error, "silence", "cut", "junk"])
def test_what_may_pass_is_tried_again_later(stand_in, client, fault):
    stand_in.faults["work"] = [fault]
    with pytest.raises(RetryLater):
        client.work(WorkRequest(MACHINE))
    assert client.work(WorkRequest(MACHINE))


def test_a_server_that_is_away_is_for_later():
    client = GridClient("http://127.0.0.1:9")
    with pytest.raises(RetryLater, match="cannot be reached"):
        client.work(WorkRequest(MACHINE))
    client.close()


def test_retry_after_is_heard(stand_in, client):
    stand_in.faults["work"] = [(503, {"Retry-After": "7"}, b"down for a moment")]
    with pytest.raises(RetryLater) as caught:
        client.work(WorkRequest(MACHINE))
    assert caught.value.after == 7.0


def test_an_unknown_token_and_an_old_program_stop_and_tell(stand_in, client):
    for code in (RefusalCode.unknown_token, RefusalCode.host_too_old):
        stand_in.faults["work"] = [code]
        with pytest.raises(StopAndTell) as caught:
            client.work(WorkRequest(MACHINE))
        assert caught.value.code == code.value


def test_a_redirect_is_not_followed_but_told(stand_in, client):
    stand_in.faults["work"] = [(301, {"Location": "https://elsewhere.example/"}, b"")]
    with pytest.raises(StopAndTell, match=r"elsewhere\.example"):
        client.work(WorkRequest(MACHINE))


def test_control_characters_in_a_refusal_do_not_reach_a_terminal(stand_in, client):
    body = json.dumps({"code": "busy", "sentence": "\x1b[2Jwiped\nclean"}).encode()
    stand_in.faults["work"] = [(503, {}, body)]
    with pytest.raises(RetryLater) as caught:
        client.work(WorkRequest(MACHINE))
    assert "\x1b" not in caught.value.sentence
    assert "\n" not in caught.value.sentence


def test_a_download_is_exactly_the_blob(stand_in, client, tmp_path):
    data = bytes(range(256)) * 5000
    client.download(ref(stand_in, data), tmp_path / "part", always)
    assert (tmp_path / "part").read_bytes() == data


def test_a_download_that_broke_off_goes_on_from_there(stand_in, client, tmp_path):
    data = bytes(range(256)) * 5000
    blob, part = ref(stand_in, data), tmp_path / "part"
    stand_in.faults["blob"] = ["cut"]
    with pytest.raises(RetryLater):
        client.download(blob, part, always)
    client.download(blob, part, always)
    assert part.read_bytes() == data
    assert stand_in.requests("blob")[1][1]["Range"] == f"bytes={len(data) // 2}-"


def test_a_server_that_ignores_ranges_sends_the_whole_blob_again(stand_in, client, tmp_path):
    data = bytes(range(256)) * 5000
    blob, part = ref(stand_in, data), tmp_path / "part"
    stand_in.faults["blob"] = ["cut", "whole"]
    with pytest.raises(RetryLater):
        client.download(blob, part, always)
    client.download(blob, part, always)
    assert part.read_bytes() == data


def test_wrong_bytes_are_refused_and_thrown_away(stand_in, client, tmp_path):
    blob, part = ref(stand_in, b"weights" * 1000), tmp_path / "part"
    stand_in.faults["blob"] = ["bad bytes"]
    with pytest.raises(RetryLater) as caught:
        client.download(blob, part, always)
    assert caught.value.code == "digest_mismatch"
    assert not part.exists()


def test_a_blob_longer_than_the_lease_said_is_not_taken(stand_in, client, tmp_path):
    data = b"x" * 100_000
    blob = BlobRef(stand_in.add_blob(data), 1000)
    with pytest.raises(RetryLater, match="longer"):
        client.download(blob, tmp_path / "part", always)
    assert (tmp_path / "part").stat().st_size <= 1000


def test_a_part_that_is_too_long_is_begun_anew(stand_in, client, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(b"y" * 500)
    client.download(ref(stand_in, b"short"), part, always)
    assert part.read_bytes() == b"short"


def test_a_download_nobody_wants_any_more_ends(stand_in, client, tmp_path):
    with pytest.raises(RetryLater) as caught:
        client.download(ref(stand_in, b"x" * 2_000_000), tmp_path / "part", lambda: False)
    assert caught.value.code == "interrupted"


def test_a_blob_that_is_not_ours_drops_the_result(client, tmp_path):
    with pytest.raises(DropResult):
        client.download(REF, tmp_path / "part", always)


def test_a_gradient_goes_up_with_its_digest_and_length(stand_in, client, tmp_path):
    data = bytes(range(256)) * 3000
    (tmp_path / "gradient").write_bytes(data)
    reply = client.report("r/1", tmp_path / "gradient", hashlib.sha256(data).hexdigest())
    assert reply.verdict is Verdict.valid
    path, headers, body = stand_in.requests("report")[0]
    assert body == data
    assert headers["Content-Length"] == str(len(data))
    assert path.endswith("/results/r%2F1/gradient")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (RefusalCode.stale_result, DropResult),
        (RefusalCode.result_ended, DropResult),
        (RefusalCode.malformed_gradient, DropResult),
        (RefusalCode.too_slow, RetryLater),
        (RefusalCode.digest_mismatch, RetryLater),
    ],
)
def test_refused_gradients_are_dropped_or_sent_again(stand_in, client, tmp_path, code, error):
    (tmp_path / "gradient").write_bytes(b"g")
    stand_in.faults["report"] = [code]
    with pytest.raises(error) as caught:
        client.report("12", tmp_path / "gradient", hashlib.sha256(b"g").hexdigest())
    assert caught.value.code == code.value


@pytest.fixture
def gradient(tmp_path):
    """A file large enough to be gone on with, its bytes and its name."""
    data = os.urandom(3 * RESUMABLE_BYTES)
    (tmp_path / "gradient").write_bytes(data)
    return tmp_path / "gradient", data, hashlib.sha256(data).hexdigest()


def test_after_a_failure_only_the_rest_of_a_gradient_is_sent(stand_in, client, gradient):
    path, data, sha256 = gradient
    stand_in.answers["beginning"] = Beginning(sha256, 300_000, len(data))
    client.report("12", path, sha256, resume=True)
    _path, headers, body = stand_in.requests("report")[0]
    assert body == data[300_000:]
    assert headers["Content-Range"] == f"bytes 300000-{len(data) - 1}/{len(data)}"
    assert headers["Repr-Digest"] == content_digest(sha256)
    assert headers["Content-Length"] == str(len(body))


def test_the_first_try_is_one_request(stand_in, client, gradient):
    path, data, sha256 = gradient
    client.report("12", path, sha256)
    assert [name for name, *_ in stand_in.seen] == ["report"]
    assert stand_in.requests("report")[0][2] == data


@pytest.mark.parametrize(
    "there",
    [Beginning(), Beginning("ab" * 32, 300_000, 3 * RESUMABLE_BYTES), RefusalCode.malformed_request],
    ids=["nothing", "another gradient", "an older grid"],
)
def test_where_there_is_nothing_to_go_on_with_all_is_sent(stand_in, client, gradient, there):
    path, data, sha256 = gradient
    stand_in.answers["beginning"] = there
    client.report("12", path, sha256, resume=True)
    assert stand_in.requests("report")[0][2] == data


def test_a_small_gradient_is_sent_again_without_asking(stand_in, client, tmp_path):
    (tmp_path / "gradient").write_bytes(b"small")
    client.report("12", tmp_path / "gradient", hashlib.sha256(b"small").hexdigest(), resume=True)
    assert [name for name, *_ in stand_in.seen] == ["report"]


def test_a_gradient_that_is_needed_no_more_is_dropped_before_it_is_sent(stand_in, client, gradient):
    path, _data, sha256 = gradient
    stand_in.answers["beginning"] = RefusalCode.stale_result
    with pytest.raises(DropResult):
        client.report("12", path, sha256, resume=True)
    assert stand_in.requests("report") == []


def test_an_error_page_in_the_grids_place_drops_nothing(stand_in, client, gradient):
    path, _data, sha256 = gradient
    for status in (400, 403, 404, 409, 413, 502):
        stand_in.faults["report"] = [(status, {}, b"<html>a box on the way</html>")]
        with pytest.raises(RetryLater, match=str(status)):
            client.report("12", path, sha256)


def test_where_no_grid_answers_attaching_ends_at_once_unless_it_may_pass(stand_in, client):
    for status, kind in ((404, StopAndTell), (502, RetryLater)):
        stand_in.faults["attach"] = [(status, {}, b"<html>")]
        with pytest.raises(kind):
            client.attach(AttachRequest("join-me-please", "steady", MACHINE))


def test_limits_hold_on_a_real_line_up_and_down(stand_in, tmp_path, gradient):
    limits = Limits()
    client = GridClient(stand_in.url, limits=limits)
    client.use_token("the-secret-token")
    path, data, sha256 = gradient
    for download, upload in ((1500, 0), (0, 1500)):
        limits.set(download, upload)
        began = time.monotonic()
        client.download(ref(stand_in, data), tmp_path / f"part {download}", always)
        middle = time.monotonic()
        client.report("12", path, sha256)
        down, up = middle - began, time.monotonic() - middle
        expected = len(data) / 1_500_000
        assert 0.5 * expected <= (down if download else up)
        assert (up if download else down) < 0.5 * expected
    client.close()


def test_giving_back_says_why(stand_in, client):
    client.give_back("12", GiveBack(GiveBackReason.out_of_memory, "too large"))
    body = json.loads(stand_in.requests("give_back")[0][2])
    assert body == {"reason": "out_of_memory", "detail": "too large"}


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(stand_in, client):
    late = threading.Event()

    def slow(_path: str, _body: bytes) -> NoWork:
        late.wait(30)
        return NoWork(0.0, "late")

    stand_in.answers["give_back"] = slow
    started = time.monotonic()
    with pytest.raises(RetryLater):
        client.give_back("12", GiveBack(GiveBackReason.quitting), patience=0.2)
    assert time.monotonic() - started < 10
    late.set()
