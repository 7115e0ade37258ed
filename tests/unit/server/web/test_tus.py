"""The tus protocol, version 1.0.0, as its text has it: https://tus.io/protocols/resumable-upload."""

import base64
import hashlib
import re
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from server.domain import uploads as domain_uploads
from server.storage.stores import Stores
from server.web import tus
from server.web.app import create_app
from server.web.places import Slots

DATA = bytes(range(256)) * 40
UPLOADS = "/api/v1/uploads"


def in_base64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


class Sender:
    """One account's tus client, by cookie or by token."""

    def __init__(self, browser: Any, token: str | None = None) -> None:
        self.client = browser.client
        page = browser.get("/account").text
        if token is None:
            found = re.search(r'name="csrf_token" value="([^"]+)"', page)
            assert found is not None
            self.headers = {"X-CSRFToken": found[1]}
        else:
            self.headers = {"Authorization": f"Bearer {token}"}
        self.headers["Tus-Resumable"] = "1.0.0"

    def ask(
        self, method: str, path: str, headers: dict[str, str | None] | None = None, data: bytes = b""
    ) -> TestResponse:
        sent = {name: value for name, value in {**self.headers, **(headers or {})}.items() if value is not None}
        return self.client.open(path, method=method, headers=sent, data=data)  # type: ignore[no-any-return]

    def create(self, size: int = len(DATA), **metadata: str) -> str:
        pairs = ",".join(f"{key} {in_base64(value)}" for key, value in {"filename": "data.npy", **metadata}.items())
        answer = self.ask("POST", UPLOADS, {"Upload-Length": str(size), "Upload-Metadata": pairs})
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, path: str, offset: int, data: bytes, **headers: str | None) -> TestResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        wanted = {"Content-Type": tus.PART_TYPE, "Upload-Offset": str(offset), **given}
        return self.ask("PATCH", path, wanted, data)

    def offset(self, path: str) -> int:
        answer = self.ask("HEAD", path)
        assert answer.status_code == 200, answer.status
        return int(answer.headers["Upload-Offset"])


@pytest.fixture
def sender(owner: Any) -> Sender:
    return Sender(owner)


def token_of(page: Any, scope: str) -> str:
    answer = page.post("/account/tokens", {"token_label": "desk", "scopes": scope, "days": "30"}, form="/account")
    found = re.search(r"daigtoken_[\w-]+", answer.text)
    assert found is not None
    return found[0]


def test_the_server_says_what_it_can_without_being_asked_by_anybody_in_particular(browser: Any) -> None:
    answer = browser.client.options(UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,expiration,termination,checksum"
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"
    assert answer.headers["Tus-Max-Size"] == "3000000"


def test_a_file_comes_in_parts_and_its_digest_is_told(sender: Sender, stores: Stores) -> None:
    path = sender.create()
    assert sender.offset(path) == 0
    first = sender.patch(path, 0, DATA[:1000])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "1000")
    assert "Upload-Sha256" not in first.headers
    assert first.headers["Upload-Expires"].endswith("GMT")
    head = sender.ask("HEAD", path)
    assert head.headers["Upload-Offset"] == "1000"
    assert head.headers["Upload-Length"] == str(len(DATA))
    assert head.headers["Cache-Control"] == "no-store"
    assert head.headers["Upload-Metadata"] == f"filename {in_base64('data.npy')}"
    last = sender.patch(path, 1000, DATA[1000:])
    assert last.headers["Upload-Sha256"] == hashlib.sha256(DATA).hexdigest()
    assert sender.ask("HEAD", path).headers["Upload-Sha256"] == hashlib.sha256(DATA).hexdigest()
    assert (stores.folder / "partial" / path.rsplit("/", 1)[1]).read_bytes() == DATA


@pytest.mark.parametrize("version", [None, "0.2.2"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_of_the_protocol_is_refused(sender: Sender, method: str, version: str | None) -> None:
    path = sender.create()
    answer = sender.ask(method, UPLOADS if method == "POST" else path, {"Tus-Resumable": version})
    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert sender.offset(path) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Offset": "5"}, 409), ({"Upload-Offset": None}, 400), ({"Upload-Offset": "-1"}, 400),
        ({"Upload-Offset": "x"}, 400), ({"Content-Type": "application/octet-stream"}, 415),
        ({"Upload-Checksum": "sha256 xyz"}, 400), ({"Upload-Checksum": f"md5 {in_base64(b'0' * 16)}"}, 400),
        ({"Upload-Checksum": f"sha256 {in_base64(b'0' * 32)}"}, 460),
    ],
)  # fmt: skip
def test_a_part_that_does_not_fit_is_refused_and_nothing_of_it_stays(
    sender: Sender, headers: dict[str, str | None], status: int
) -> None:
    path = sender.create()
    sender.patch(path, 0, DATA[:10])
    answer = sender.patch(path, 10, DATA[10:20], **{name.replace("-", "_"): text for name, text in headers.items()})
    assert answer.status_code == status
    assert answer.json["sentence"]  # type: ignore[index]
    assert sender.offset(path) == 10


def test_more_than_was_declared_is_refused(sender: Sender) -> None:
    path = sender.create(10)
    assert sender.patch(path, 0, DATA[:11]).status_code == 413
    assert sender.offset(path) == 0


@pytest.mark.parametrize(("algorithm", "function"), [("sha256", hashlib.sha256), ("sha1", hashlib.sha1)])
def test_a_part_with_the_right_checksum_counts(sender: Sender, algorithm: str, function: Any) -> None:
    path = sender.create()
    answer = sender.patch(path, 0, DATA, Upload_Checksum=f"{algorithm} {in_base64(function(DATA).digest())}")
    assert answer.status_code == 204


def test_a_file_whose_stated_digest_is_another_is_removed(sender: Sender, stores: Stores) -> None:
    right = sender.create(sha256=hashlib.sha256(DATA).hexdigest())
    assert sender.patch(right, 0, DATA).status_code == 204
    wrong = sender.create(sha256="0" * 64)
    answer = sender.patch(wrong, 0, DATA)
    assert answer.status_code == 460
    assert "SHA-256" in answer.json["sentence"]  # type: ignore[index]
    assert sender.ask("HEAD", wrong).status_code == 404
    assert len(list((stores.folder / "partial").iterdir())) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400), ({"Upload-Length": "x"}, 400), ({"Upload-Length": "3000001"}, 413),
        ({"Upload-Length": "1", "Upload-Metadata": "filename ?"}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": f"sha256 {in_base64('abc')}"}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": "a" * 5000}, 400), ({"Upload-Defer-Length": "1"}, 400),
    ],
)  # fmt: skip
def test_an_upload_that_cannot_be_is_not_begun(sender: Sender, headers: dict[str, str | None], status: int) -> None:
    answer = sender.ask("POST", UPLOADS, headers)
    assert answer.status_code == status
    assert answer.json["sentence"]  # type: ignore[index]
    assert sender.ask("GET", UPLOADS).json == {"uploads": []}


def test_an_empty_file_is_whole_at_once(sender: Sender) -> None:
    assert sender.ask("HEAD", sender.create(0)).headers["Upload-Sha256"] == hashlib.sha256(b"").hexdigest()


def test_an_upload_can_be_deleted(sender: Sender, stores: Stores) -> None:
    path = sender.create()
    assert sender.ask("DELETE", path).status_code == 204
    assert sender.ask("HEAD", path).status_code == 404
    assert not list((stores.folder / "partial").iterdir())


def test_one_that_was_left_for_too_long_is_gone(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sender.create()
    monkeypatch.setattr(domain_uploads, "KEPT", domain_uploads.KEPT * -1)
    assert sender.ask("HEAD", path).status_code == 410
    assert sender.patch(path, 0, DATA).status_code == 410


def test_senders_that_may_only_post_say_what_they_mean(sender: Sender) -> None:
    path = sender.create()
    headers = {"Content-Type": tus.PART_TYPE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert sender.ask("POST", path, headers, DATA).status_code == 204
    assert sender.ask("POST", path, {"X-HTTP-Method-Override": "GET"}).status_code == 405
    assert sender.ask("POST", path, {"X-HTTP-Method-Override": "DELETE"}).status_code == 204


def test_nobody_sees_or_touches_anothers_upload(sender: Sender, stranger: Any, browser: Any) -> None:
    path = sender.create()
    sender.patch(path, 0, DATA[:10])
    other = Sender(stranger)
    assert other.ask("HEAD", path).status_code == 404
    assert other.patch(path, 10, DATA[10:]).status_code == 404
    assert other.ask("DELETE", path).status_code == 404
    assert other.ask("GET", UPLOADS).json == {"uploads": []}
    nobody = browser.client
    assert nobody.head(path, headers={"Tus-Resumable": "1.0.0"}).status_code == 401
    assert nobody.get(UPLOADS).status_code == 401
    assert sender.offset(path) == 10


def test_a_stranger_cuts_nobody_off(sender: Sender, stranger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off: list[str] = []
    monkeypatch.setattr(tus._WRITERS, "make_way", cut_off.append)
    path = sender.create()
    assert Sender(stranger).ask("HEAD", path).status_code == 404
    assert cut_off == []
    sender.offset(path)
    assert cut_off == [path.rsplit("/", 1)[1]]


def test_a_cookie_alone_is_not_enough_where_a_form_elsewhere_could_send_it(sender: Sender) -> None:
    path = sender.create()
    for wrong in (None, "forged"):
        assert sender.ask("POST", UPLOADS, {"X-CSRFToken": wrong, "Upload-Length": "1"}).status_code == 400
        assert sender.patch(path, 0, DATA, X_CSRFToken=wrong).status_code == 400
        assert sender.ask("DELETE", path, {"X-CSRFToken": wrong}).status_code == 400
    assert sender.offset(path) == 0


def test_a_script_uploads_by_its_token(owner: Any, app: Flask) -> None:
    script = Sender(owner, token_of(owner, "write"))
    script.client = app.test_client()
    path = script.create()
    assert script.patch(path, 0, DATA).status_code == 204


def test_beside_a_token_no_cookie_counts(owner: Any) -> None:
    assert Sender(owner, "daigtoken_wrong").ask("POST", UPLOADS, {"Upload-Length": "1"}).status_code == 401
    reader = Sender(owner, token_of(owner, "read"))
    assert reader.ask("POST", UPLOADS, {"Upload-Length": "1"}).status_code == 403
    assert reader.ask("GET", UPLOADS).status_code == 200


def test_too_many_parts_at_once_are_asked_to_come_again(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sender.create()
    monkeypatch.setattr(tus, "PARTS", Slots(0))
    answer = sender.patch(path, 0, DATA)
    assert answer.status_code == 503
    assert float(answer.headers["Retry-After"]) > 0


def test_only_one_at_a_time_sends_a_file(sender: Sender, stores: Stores) -> None:
    path = sender.create()
    with stores.partial_uploads.opened(path.rsplit("/", 1)[1]):
        assert sender.patch(path, 0, DATA).status_code == 423
    assert sender.patch(path, 0, DATA).status_code == 204


def test_the_list_says_how_far_each_file_is(sender: Sender) -> None:
    path = sender.create()
    sender.patch(path, 0, DATA[:100])
    (one,) = sender.ask("GET", UPLOADS).json["uploads"]  # type: ignore[index]
    assert (one["name"], one["filename"], one["offset"]) == (path.rsplit("/", 1)[1], "data.npy", 100)
    assert not one["is_whole"]


def test_a_form_names_a_file_that_came_in_parts(owner: Any, sender: Sender, stores: Stores) -> None:
    path = sender.create()
    sender.patch(path, 0, DATA)
    name = path.rsplit("/", 1)[1]
    answer = owner.post("/drafts", {"name": "digits", "data_upload": name}, form="/drafts/new")
    assert answer.status_code == 303, answer.text
    (kept,) = (stores.folder / "drafts").rglob("data-*")
    assert kept.read_bytes() == DATA
    assert sender.ask("HEAD", path).status_code == 404
    again = owner.post("/drafts", {"name": "digits", "data_upload": name}, form="/drafts/new")
    assert again.status_code == 400
    assert "not here any more" in again.text


def test_a_form_cannot_name_what_is_not_whole_or_anothers(owner: Any, stranger: Any, sender: Sender) -> None:
    path = sender.create()
    name = path.rsplit("/", 1)[1]
    answer = owner.post("/drafts", {"name": "digits", "data_upload": name}, form="/drafts/new")
    assert answer.status_code == 400
    assert "not uploaded completely" in answer.text
    # The page that comes back still names it: upload.js shows how far it is.
    assert re.search(rf'name="data_upload"[^>]* value="{name}"', answer.text)
    sender.patch(path, 0, DATA)
    assert stranger.post("/drafts", {"data_upload": name}, form="/drafts/new").status_code == 400
    assert sender.offset(path) == len(DATA)


def test_the_pages_may_compute_digests_by_webassembly(services: Any) -> None:
    policy = create_app(services).test_client().get("/").headers["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval';" in policy
    assert "unsafe-inline" not in policy
