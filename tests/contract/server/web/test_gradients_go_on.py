"""Uploads of gradients that broke off: what is kept of them, for whom, for how long, and how the rest comes."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from server.storage.blobs import BlobFolder
from server.web import arriving, volunteer_api
from tests.contract.server.web.test_volunteer_api import Stalls, refused
from volunteer.protocol import messages
from volunteer.protocol.digests import content_digest
from volunteer.protocol.endpoints import PREFIX, RESUMABLE_BYTES

BODY = os.urandom(4 * RESUMABLE_BYTES)
SHA256 = hashlib.sha256(BODY).hexdigest()
HALF = 2 * RESUMABLE_BYTES
PATH = f"{PREFIX}/results/7/gradient"


class Breaks(Stalls):
    """Gives these bytes, and then ends, or raises."""

    def __init__(self, data: bytes, end: Exception | bytes = b"") -> None:
        super().__init__(end)
        self._parts = [data, end]


@pytest.fixture(autouse=True)
def allowed(told: Any) -> None:
    told.answers.update(allowance=len(BODY), report=messages.ReportReply(messages.Verdict.valid))


def send(host: FlaskClient, stream: Any, first: int = 0, length: int | None = None, sha256: str = SHA256) -> Any:
    digest = content_digest(sha256)
    headers = {"Content-Digest": digest}
    if first:
        headers = {"Content-Range": f"bytes {first}-{len(BODY) - 1}/{len(BODY)}", "Repr-Digest": digest}
    environ = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(BODY) - first if length is None else length)}
    return host.put(PATH, headers=headers, environ_overrides=environ)


def there(host: FlaskClient) -> messages.Beginning:
    answer = host.get(PATH)
    assert answer.status_code == 200
    return messages.decode(answer.data, messages.Beginning)


@pytest.mark.parametrize("end", [b"", TimeoutError()], ids=["gone", "silent"])
def test_an_upload_that_broke_off_goes_on_where_it_stopped(host: FlaskClient, told: Any, end: Any) -> None:
    assert send(host, Breaks(BODY[:HALF], end)).status_code in (400, 408)
    assert there(host) == messages.Beginning(SHA256, HALF, len(BODY))
    assert told.received is None
    assert send(host, Breaks(BODY[HALF : HALF + 1000]), HALF).status_code == 400
    assert there(host).received == HALF + 1000
    assert send(host, Breaks(BODY[HALF + 1000 :]), HALF + 1000).status_code == 200
    assert told.received == BODY
    assert list(told.folder.iterdir()) == []
    assert there(host) == messages.Beginning()


def test_of_a_small_part_nothing_is_kept(host: FlaskClient, told: Any) -> None:
    send(host, Breaks(BODY[: RESUMABLE_BYTES - 1]))
    assert there(host) == messages.Beginning()
    assert list(told.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "sha256"), [(HALF + 1, SHA256), (HALF - 1, SHA256), (HALF, "ab" * 32)], ids=["gap", "overlap", "other"]
)
def test_only_the_very_rest_of_the_very_gradient_is_taken(
    host: FlaskClient, told: Any, first: int, sha256: str
) -> None:
    send(host, Breaks(BODY[:HALF]))
    assert refused(send(host, Breaks(BODY[first:]), first, sha256=sha256)) == (409, "upload_conflict")
    assert there(host).received == HALF
    assert told.received is None


def test_a_rest_that_makes_another_gradient_is_refused_and_nothing_is_kept(host: FlaskClient, told: Any) -> None:
    send(host, Breaks(BODY[:HALF]))
    wrong = b"x" * (len(BODY) - HALF)
    assert refused(send(host, Breaks(wrong), HALF)) == (422, "digest_mismatch")
    assert there(host) == messages.Beginning()
    assert told.received is None


@pytest.mark.parametrize(
    "header",
    ["bytes 0-9/10", "bytes 5-8/10", "bytes 5-10/10", "bytes */10", "bytes 5-9/*", "items 5-9/10", "5-9/10", "bytes -"],
)
def test_ranges_that_are_not_the_rest_are_not_read(host: FlaskClient, header: str) -> None:
    headers = {"Content-Range": header, "Repr-Digest": content_digest(SHA256)}
    assert refused(host.put(PATH, headers=headers, data=b"12345")) == (400, "malformed_request")


def test_a_rest_must_say_of_what(host: FlaskClient) -> None:
    headers = {"Content-Range": "bytes 5-9/10", "Content-Digest": content_digest(SHA256)}
    assert refused(host.put(PATH, headers=headers, data=b"12345")) == (400, "malformed_request")


def test_a_gradient_that_is_too_large_in_all_is_not_gone_on_with(host: FlaskClient, told: Any) -> None:
    send(host, Breaks(BODY[:HALF]))
    told.answers["allowance"] = len(BODY) - 1
    assert refused(send(host, Breaks(BODY[HALF:]), HALF)) == (413, "too_large")


def test_sent_whole_again_the_beginning_does_not_matter(host: FlaskClient, told: Any) -> None:
    send(host, Breaks(BODY[:HALF]))
    assert send(host, Breaks(BODY)).status_code == 200
    assert told.received == BODY


def test_whoever_may_not_report_learns_nothing(host: FlaskClient, told: Any) -> None:
    host.environ_base["HTTP_AUTHORIZATION"] = "Bearer wrong"
    assert refused(host.get(PATH)) == (401, "unknown_token")


def test_one_who_is_still_sending_is_not_cut_off(host: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volunteer_api.WRITERS, "make_way", lambda _name: False)
    assert refused(host.get(PATH)) == (423, "upload_locked")


def test_beginnings_are_few_and_the_oldest_give_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "MOST_BEGINNINGS", 3)
    kept = arriving.Beginnings(tmp_path)
    for number in range(5):
        file = kept.fresh()
        file.write_bytes(BODY[:RESUMABLE_BYTES])
        os.utime(file, (number, number))
        kept.keep(file, str(number), len(BODY), SHA256)
    assert [kept.find(str(number)) is not None for number in range(5)] == [False, False, True, True, True]
    monkeypatch.setattr(arriving, "MOST_BYTES", 2 * RESUMABLE_BYTES)
    file = kept.fresh()
    file.write_bytes(BODY[:RESUMABLE_BYTES])
    kept.keep(file, "9", RESUMABLE_BYTES + 1, SHA256)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * RESUMABLE_BYTES
    assert kept.find("9") is not None


def test_what_nobody_goes_on_with_is_swept_after_a_while(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    kept = arriving.Beginnings(folder.incoming)
    for number, age in ((1, 0), (2, 5000)):
        file = kept.fresh()
        file.write_bytes(BODY)
        os.utime(file, (time.time() - age,) * 2)
        kept.keep(file, str(number), len(BODY) + 1, SHA256)
    folder.delete_unless(lambda _sha256: False, 3600)
    assert (kept.find("1") is not None, kept.find("2")) == (True, None)
