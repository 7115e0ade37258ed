"""The real app over the real domain and a real database; only what would need child processes is left out."""

import dataclasses
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.config import Settings
from server.domain import hashing
from server.storage.stores import Stores, open_stores
from server.web.app import create_app
from server.web.services import Services
from tests.support.web_services import services_over

PASSWORD = "four plain random words"


class NoChild:
    """Intake and exporter are child processes; these tests download nothing."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a child was asked: {name}")


class Browser:
    """A person's browser: keeps cookies, and sends the CSRF token that its last page had."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, **kwargs)

    def post(
        self, path: str, data: dict[str, Any] | None = None, form: str = "/log-in", **kwargs: Any
    ) -> TestResponse:
        page = self.client.get(form, follow_redirects=True).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None, f"{form} has no form"
        return self.client.post(path, data={"csrf_token": token[1], **(data or {})}, **kwargs)

    def sign_up(self, name: str) -> TestResponse:
        return self.post("/sign-up", {"name": name, "password": PASSWORD}, form="/sign-up")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(tmp_path / "grid")
    yield opened
    opened.database.close()


@pytest.fixture
def settings() -> Settings:
    """A grid that sends mail."""
    return Settings(
        public_url="https://grid.example.org", smtp_host="mail.example.org", smtp_from="grid@example.org",
        smtp_password="hush",
    )  # fmt: skip


@pytest.fixture
def services(stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Services:
    quick = functools.partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(hashing, "PasswordHasher", quick)
    return services_over(stores, NoChild(), NoChild(), settings)


@pytest.fixture
def app(services: Services) -> Flask:
    return create_app(services)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app.test_client())


@pytest.fixture
def operator(app: Flask) -> Browser:
    """Signed up first."""
    person = Browser(app.test_client())
    person.sign_up("operator")
    return person


@pytest.fixture
def owner(app: Flask) -> Browser:
    person = Browser(app.test_client())
    person.sign_up("owner")
    return person


@pytest.fixture
def stranger(app: Flask) -> Browser:
    person = Browser(app.test_client())
    person.sign_up("stranger")
    return person


@pytest.fixture
def https_app(services: Services) -> Flask:
    settings = dataclasses.replace(services.settings, https=True)
    return create_app(dataclasses.replace(services, settings=settings))
