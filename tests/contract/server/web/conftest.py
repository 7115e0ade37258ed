"""The volunteers' API over a domain that answers as it is told: what is tried here is the wire."""

import dataclasses
import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from server.errors import UnknownToken
from server.web.app import create_app
from server.web.services import Services, WebSettings
from volunteer.protocol import messages

TOKEN = "the token of steady"


class Told:
    """Hosts, dispatch, reports and blobs in one: every method gives, or raises, what it was told to."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.received: bytes | None = None
        self.folder = folder

    def by_token(self, token: str) -> str:
        if token != TOKEN:
            raise UnknownToken
        return "steady"

    def changes(self) -> int:
        return 0

    def worth_asking(self) -> bool:
        return True

    def wait_for_change(self, seen: int, seconds: float) -> bool:
        change: Callable[[], object] = self.answers.get("change", lambda: None)
        change()
        time.sleep(0.02)
        return True

    def report(self, host: str, result_id: str, path: Path, sha256: str, now: dt.datetime) -> Any:
        self.received = path.read_bytes()
        return self._answer("report", (host, result_id, sha256))

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._answer(name, arguments)

    def _answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        self.asked.append((name, arguments))
        answer = self.answers[name]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


@pytest.fixture
def host(told: Told) -> FlaskClient:
    """A host's HTTP client, with its token."""
    others: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(Services))
    told_ones = dict.fromkeys(("hosts", "devices", "dispatch", "reports", "blobs"), told)
    services = Services(**{
        **others, **told_ones, "incoming_gradients": told.folder, "settings": WebSettings("a test's secret key"),
        "wake": lambda: None,
    })  # fmt: skip
    client = create_app(services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return client


@pytest.fixture
def machine() -> messages.Machine:
    return messages.Machine("Linux 6.1", "", 4, 8 * 10**9, "0.1.0", 1, 2)
