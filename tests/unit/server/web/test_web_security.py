"""Headers, cookies, CSRF, error pages."""

import re
from typing import Any

import pytest
from flask import Flask

from server.web.app import create_app
from server.web.security import HEADERS


@pytest.mark.parametrize(
    "path", ["/", "/log-in", "/nothing-here", "/static/daig.css", "/api/v1/openapi.json"]
)
def test_every_answer_carries_the_security_headers(browser: Any, path: str) -> None:
    with browser.get(path) as answer:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    "path",
    [
        "/sign-up", "/log-in", "/log-out", "/computers/join-keys", "/computers/join-keys/1/revoke",
        "/computers/1/detach", "/computers/1/rename", "/computers/join-file", "/device/confirm", "/device/deny",
        "/account/tokens", "/account/tokens/1/revoke", "/account/password", "/account/email",
        "/account/email/remove", "/account/notifications", "/account/webhook-test", "/account/leaderboard",
        "/account/delete", "/forgot", "/reset/1", "/verify/1",
        "/teams/new", "/teams/leave", "/teams/1", "/teams/1/join", "/teams/1/members/1/remove",
        *(f"/operator/accounts/1/{verb}" for verb in ("block", "unblock", "appoint", "dismiss")),
        "/operator/projects/1/cancel", "/operator/letters/1/retry", "/operator/projects/1/approve",
        *(f"/operator/hosts/1/{verb}" for verb in ("quarantine", "release", "refuse-appeal")),
        "/operator/hosts/1/appoint-referee", "/operator/hosts/1/dismiss-referee", "/computers/1/appeal",
        "/operator/projects/1/refuse", "/operator/invitations", "/operator/invitations/1/revoke",
        "/drafts", "/drafts/1", "/drafts/1/start", "/drafts/1/discard", "/drafts/1/suggested", "/projects/1/clone",
        "/projects/1/one-kind", "/projects/1/all-kinds",
        "/projects/1/pause", "/projects/1/resume", "/projects/1/cancel", "/projects/1/delete",
    ],
)  # fmt: skip
def test_a_form_without_its_token_changes_nothing(owner: Any, path: str) -> None:
    answer = owner.client.post(path, data={"name": "x", "password": "four plain random words"})
    assert answer.status_code == 400
    assert "This form is out of date" in answer.text


def test_every_posting_route_outside_the_api_is_in_the_list_above(app: Flask) -> None:
    marks = test_a_form_without_its_token_changes_nothing.pytestmark
    tried = {path.replace("/1", "/<>") for path in marks[0].args[1]}
    routes = {
        re.sub(r"<[^>]*>", "<>", rule.rule)
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
    }
    assert routes == tried


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(browser: Any, https_app: Flask) -> None:
    plain = browser.get("/log-in").headers["Set-Cookie"]
    secure = https_app.test_client().get("/log-in").headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    assert "Secure" in secure


@pytest.mark.parametrize("path", ["/account", "/projects", "/projects/1", "/drafts/new", "/drafts/1", "/computers"])
def test_pages_of_people_want_a_log_in(browser: Any, path: str) -> None:
    assert browser.get(path).location.startswith("/log-in?next=")


@pytest.mark.parametrize("path", ["/projects/1.json", "/drafts/1.json"])
def test_polling_without_a_log_in_gets_a_plain_401(browser: Any, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 401
    assert answer.is_json


def test_an_unknown_page_is_answered_by_a_page_that_leads_on(browser: Any) -> None:
    answer = browser.get("/nothing-here")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert 'href="/"' in answer.text


def test_an_unexpected_error_shows_nothing_of_its_inside(
    services: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(services)
    app.add_url_rule("/breaks", "breaks", lambda: str(1 / 0))
    answer = app.test_client().get("/breaks")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "division" not in answer.text
    assert "division by zero" in caplog.text


def test_pages_load_nothing_from_elsewhere_and_hold_no_inline_code(owner: Any) -> None:
    for path in (
        "/", "/account", "/account/delete", "/computers", "/leaderboard", "/status", "/projects", "/drafts/new",
        "/forgot", "/operator", "/operator/accounts", "/leaderboard/teams", "/teams/new", "/stats/",
    ):  # fmt: skip
        text = owner.get(path).text
        assert "style=" not in text
        assert " onclick" not in text
        assert "<script>" not in text
        assert 'src="http' not in text


def test_the_sign_of_life_answers(browser: Any) -> None:
    assert browser.get("/healthz").text == "ok\n"
