"""The transport against a server that answers as it is told."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from requestor import transport
from requestor.errors import Refused, Unreachable
from requestor.transport import Transport
from volunteer.protocol import requestor_messages as m
from volunteer.protocol.messages import encode
from volunteer.protocol.refusals import RefusalCode, refusal

ABOUT = m.AccountInfo(1, "owner", ["read"])


class Told:
    """`answers`: (status, headers, body) one after the other; the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, str, str | None]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                told.asked.append((self.command, self.path, self.headers.get("Authorization")))
                status, headers, body = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *arguments: object) -> None:
                """Not a word."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0))
    server = Told()
    yield server
    server.close()


@pytest.fixture
def grid(told: Told) -> Iterator[Transport]:
    opened = Transport(told.url, "daigtoken_secret")
    yield opened
    opened.close()


def refused(code: RefusalCode, status: int) -> tuple[int, dict[str, str], bytes]:
    return status, {}, encode(refusal(code))


def test_a_question_goes_with_its_token_and_a_busy_grid_is_asked_again(told: Told, grid: Transport) -> None:
    told.answers = [refused(RefusalCode.busy, 503), (200, {}, encode(ABOUT))]
    assert grid.ask("account", m.AccountInfo) == ABOUT
    assert told.asked == [("GET", "/api/v1/account", "Bearer daigtoken_secret")] * 2


def test_what_would_make_a_second_thing_is_sent_once(told: Told, grid: Transport) -> None:
    told.answers = [refused(RefusalCode.busy, 503)]
    with pytest.raises(Refused):
        grid.ask("start_draft", m.Draft, m.NewDraft())
    assert len(told.asked) == 1


def test_a_refusal_rises_with_its_sentence_and_field(told: Told, grid: Transport) -> None:
    told.answers = [(422, {}, b'{"code":"not_acceptable","sentence":"Not\\u001b[2J so.","field":"k","new":1}')]
    with pytest.raises(Refused) as caught:
        grid.ask("start_draft", m.Draft, m.NewDraft())
    assert (caught.value.code, caught.value.field, caught.value.status) == ("not_acceptable", "k", 422)
    assert str(caught.value) == "Not [2J so."


@pytest.mark.parametrize("body", [b"<html>Bad gateway", b"", b"[]", b'{"code": 1}'])
def test_an_answer_of_somebody_in_between_is_said_in_words(told: Told, grid: Transport, body: bytes) -> None:
    told.answers = [(502, {}, body)]
    with pytest.raises(Refused, match="The grid answered 502"):
        grid.ask("account", m.AccountInfo)
    told.answers = [(200, {}, body)]
    with pytest.raises(Unreachable, match="cannot be read"):
        grid.ask("account", m.AccountInfo)


def test_a_token_does_not_follow_to_another_address(told: Told, grid: Transport) -> None:
    told.answers = [(302, {"Location": "https://elsewhere.example/"}, b"")]
    with pytest.raises(Refused, match="moved to https://elsewhere"):
        grid.ask("account", m.AccountInfo)
    assert len(told.asked) == 1


def test_a_file_is_there_whole_or_not_at_all(told: Told, grid: Transport, tmp_path: Path) -> None:
    name = {"Content-Disposition": 'attachment; filename="../../trained.h5"'}
    told.answers = [(200, {**name, "Content-Length": "9"}, b"123")]
    with pytest.raises(Unreachable, match="broke off"):
        grid.save("model", tmp_path, project=7)
    assert list(tmp_path.iterdir()) == []
    told.answers = [(200, name, b"123")]
    assert grid.save("model", tmp_path, {"which": "best"}, project=7) == tmp_path / "trained.h5"
    assert told.asked[-1][1] == "/api/v1/projects/7/model?which=best"
    assert (tmp_path / "trained.h5").read_bytes() == b"123"


def test_a_grid_that_is_not_there_is_said_in_words() -> None:
    with pytest.raises(Unreachable, match="cannot be reached"):
        Transport("http://127.0.0.1:9", "daigtoken_x").ask("clone_project", m.Draft, m.CloneRequest(), project=1)
