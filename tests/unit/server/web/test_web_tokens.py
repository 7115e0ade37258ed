"""Access tokens as pages show them, and as requests carry them."""

import datetime as dt
import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from server.errors import TooManyTries, UnknownToken
from server.web import bearer
from server.web.app import create_app
from server.web.bearer import WrongTries, is_bearer, token_owner


@pytest.fixture
def asked(app: Flask, services: Any) -> Any:
    """What a view behind `token_owner` answers to this Authorization header."""

    def ask(header: str | None, scope: str = "read") -> Any:
        headers = {} if header is None else {"Authorization": header}
        with app.test_request_context("/api/v1/anything", headers=headers):
            return is_bearer(), token_owner(scope)

    return ask


def made_by(page: Any) -> str:
    answer = page.post("/account/tokens", {"token_label": "desk", "scopes": "read", "days": "30"}, form="/account")
    assert answer.headers["Cache-Control"] == "no-store"
    soup: Any = BeautifulSoup(answer.text, "html.parser")
    return str(soup.find(id="token-secret").text)


def test_a_token_is_shown_once_and_listed_by_its_label(owner: Any) -> None:
    secret = made_by(owner)
    again = owner.get("/account").text
    assert "desk" in again
    assert secret not in again


def test_a_token_carries_a_request_and_a_cookie_does_not(owner: Any, asked: Any) -> None:
    found = asked(f"Bearer {made_by(owner)}")
    assert found[0]
    assert found[1].name == "owner"
    for header in (None, "", "Bearer", "Basic abc", "Bearer daigtoken_wrong"):
        with pytest.raises(UnknownToken):
            asked(header)


def test_a_token_without_the_scope_is_refused_with_a_sentence(owner: Any, services: Any) -> None:
    app = create_app(services)
    app.add_url_rule("/api/v1/changes", "changes", lambda: token_owner("write").name)
    answer = app.test_client().get("/api/v1/changes", headers={"Authorization": f"Bearer {made_by(owner)}"})
    assert (answer.status_code, answer.json["code"]) == (403, "missing_scope")
    assert "“write”" in answer.json["sentence"]


def test_a_token_is_revoked_by_its_owner_only(owner: Any, stranger: Any, asked: Any) -> None:
    secret = made_by(owner)
    path = re.search(r'action="(/account/tokens/\d+/revoke)"', owner.get("/account").text)
    assert path is not None
    assert stranger.post(path[1], form="/account").status_code == 404
    assert asked(f"Bearer {secret}")[1].name == "owner"
    owner.post(path[1], form="/account")
    with pytest.raises(UnknownToken):
        asked(f"Bearer {secret}")


@pytest.mark.parametrize(("field", "given"), [("scopes", {"scopes": ""}), ("days", {"days": "100000"})])
def test_a_token_that_cannot_be_made_says_why_beside_the_field(owner: Any, field: str, given: Any) -> None:
    form = {"token_label": "desk", "scopes": "read", "days": "30", **given}
    answer = owner.post("/account/tokens", form, form="/account")
    soup: Any = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 400
    assert soup.find(id=f"{field}-problem") is not None


def test_wrong_tokens_of_one_address_are_throttled_and_right_ones_are_not(
    owner: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "_wrong", WrongTries())
    secret = made_by(owner)
    for _ in range(60):
        with pytest.raises(UnknownToken):
            asked("Bearer daigtoken_guess")
    with pytest.raises(TooManyTries):
        asked("Bearer daigtoken_guess")
    assert asked(f"Bearer {secret}")[1].name == "owner"


def test_the_list_says_when_a_token_was_last_used(owner: Any, asked: Any, services: Any) -> None:
    asked(f"Bearer {made_by(owner)}")
    [view] = services.tokens.list_for(1, dt.datetime.now(dt.UTC))
    assert view.last_used_at is not None
    assert "just now" in owner.get("/account").text
