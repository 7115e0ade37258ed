"""Account page, mailed links, leaderboard and status: as a browser meets them."""

import dataclasses
import datetime as dt
import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from server.config import Settings
from server.domain.passwords import ResetLetters
from server.rules.letters import RESET
from server.storage.account_tables import AccessToken, Account, Letter
from server.web.app import create_app
from tests.support.web_services import services_over
from tests.unit.server.web.conftest import PASSWORD, Browser

NEW = "another long password"


def soup_of(answer: Any) -> Any:
    return BeautifulSoup(answer.text, "html.parser")


def has_address(stores: Any, name: str, address: str) -> None:
    moment = dt.datetime.now(dt.UTC)
    Account.update(email=address, email_verified_at=moment).where(Account.name == name).execute()


def mailed_link(stores: Any) -> str:
    """The path of the link in the letter that a postman would send now."""
    letter = Letter.select().where(Letter.channel == RESET).order_by(Letter.id.desc()).get()
    outgoing = ResetLetters(stores, "https://grid.example.org", "the grid").compose(letter, dt.datetime.now(dt.UTC))
    found = re.search(r"https://grid\.example\.org(/reset/\S+)", outgoing.body if outgoing else "")
    assert found is not None
    return found[1]


def test_a_new_password_ends_the_other_sessions_and_not_this_one(owner: Any, app: Flask) -> None:
    elsewhere = Browser(app.test_client())
    elsewhere.post("/log-in", {"name": "owner", "password": PASSWORD})
    assert elsewhere.get("/account").status_code == 200
    answer = owner.post("/account/password", {"old_password": PASSWORD, "new_password": NEW}, form="/account")
    assert answer.location == "/account#password"
    assert "all other sessions have ended" in owner.get("/account").text
    assert elsewhere.get("/account").location.startswith("/log-in")


def test_a_wrong_present_password_is_named_beside_its_field(owner: Any) -> None:
    answer = owner.post("/account/password", {"old_password": "wrong", "new_password": NEW}, form="/account")
    assert answer.status_code == 400
    assert soup_of(answer).find(id="old_password-problem") is not None


def test_an_address_wants_the_password_and_is_shown_as_waiting(owner: Any) -> None:
    form = {"email": "owner@example.org", "email_password": "wrong"}
    answer = owner.post("/account/email", form, form="/account")
    assert soup_of(answer).find(id="email_password-problem") is not None
    assert Letter.select().count() == 0
    owner.post("/account/email", {**form, "email_password": PASSWORD}, form="/account")
    assert "A letter is on its way to" in owner.get("/account").text
    assert Letter.get().address == "owner@example.org"


def test_an_address_is_removed_by_the_password_only(owner: Any, stores: Any) -> None:
    has_address(stores, "owner", "o@example.org")
    for given in ({}, {"remove_password": "wrong"}):
        answer = owner.post("/account/email/remove", given, form="/account")
        assert answer.status_code == 400
        assert soup_of(answer).find(id="remove_password-problem") is not None
    assert Account.get().email == "o@example.org"
    answer = owner.post("/account/email/remove", {"remove_password": PASSWORD}, form="/account")
    assert answer.location == "/account#email"
    assert Account.get().email == ""


@pytest.mark.parametrize("address", ["owner@example.org\r\nBcc: all@example.org", "owner@example.org, b@example.org"])
def test_an_address_cannot_carry_headers(owner: Any, address: str) -> None:
    form = {"email": address, "email_password": PASSWORD}
    answer = owner.post("/account/email", form, form="/account")
    assert answer.status_code == 400
    assert soup_of(answer).find(id="email-problem") is not None
    assert Letter.select().count() == 0


def test_a_link_in_a_letter_goes_to_the_grids_own_address_whatever_the_visitor_says(owner: Any) -> None:
    """Else a request with another Host header would have the victim's secret sent there."""
    form = {"email": "owner@example.org", "email_password": PASSWORD}
    owner.client.environ_base["HTTP_HOST"] = "evil.example"
    owner.post("/account/email", form, form="/account", headers={"X-Forwarded-Host": "evil.example"})
    body = Letter.get().body
    assert "https://grid.example.org/verify/" in body
    assert "evil" not in body


def test_an_address_is_confirmed_by_a_button_and_not_by_opening_the_link(owner: Any, stores: Any) -> None:
    owner.post("/account/email", {"email": "o@example.org", "email_password": PASSWORD}, form="/account")
    found = re.search(r"(/verify/\S+)", Letter.get().body)
    assert found is not None
    page = owner.get(found[1])
    assert "o@example.org" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert Account.get().email == ""
    owner.post(found[1], form=found[1])
    assert Account.get().email == "o@example.org"
    assert owner.get(found[1]).status_code == 404


def test_a_forgotten_password_is_set_by_the_mailed_link_once(owner: Any, browser: Any, stores: Any) -> None:
    has_address(stores, "owner", "o@example.org")
    assert 'href="/forgot"' in browser.get("/log-in").text
    browser.post("/forgot", {"email": "o@example.org"}, form="/forgot")
    link = mailed_link(stores)
    assert "owner" in browser.get(link).text
    assert browser.client.post(link, data={"new_password": NEW}).status_code == 400, "without a CSRF token"
    answer = browser.post(link, {"new_password": NEW}, form=link)
    assert answer.location == "/log-in"
    assert owner.get("/account").location.startswith("/log-in"), "all sessions have ended"
    assert browser.post("/log-in", {"name": "owner", "password": NEW}).location == "/projects"
    again = browser.client.get(link)
    assert again.status_code == 404
    assert "used already" in again.text


def test_the_box_that_revokes_tokens_with_a_new_password_is_empty_and_counts(
    owner: Any, browser: Any, stores: Any
) -> None:
    has_address(stores, "owner", "o@example.org")
    owner.post("/account/tokens", {"token_label": "mine", "scopes": "read", "days": "30"}, form="/account")
    assert AccessToken.select().count() == 1
    browser.post("/forgot", {"email": "o@example.org"}, form="/forgot")
    link = mailed_link(stores)
    assert not soup_of(browser.get(link)).find("input", {"name": "revoke_all"}).has_attr("checked")
    again = browser.post(link, {"new_password": "short", "revoke_all": "1"}, form=link)
    assert soup_of(again).find("input", {"name": "revoke_all"}).has_attr("checked")
    assert AccessToken.select().count() == 1
    browser.post(link, {"new_password": NEW, "revoke_all": "1"}, form=link)
    assert AccessToken.select().count() == 0


def test_asking_for_a_new_password_is_answered_alike_for_known_and_unknown_addresses(
    owner: Any, browser: Any, stores: Any
) -> None:
    has_address(stores, "owner", "o@example.org")
    texts = []
    for address in ("o@example.org", "nobody@example.org"):
        answer = browser.post("/forgot", {"email": address}, form="/forgot")
        assert answer.status_code == 200
        texts.append(answer.text)
    assert texts[0] == texts[1]


def test_without_a_mail_server_nothing_of_mail_is_shown(stores: Any, services: Any) -> None:
    app = create_app(services_over(stores, None, None, Settings()))
    person = Browser(app.test_client())
    person.sign_up("owner")
    page = person.get("/account").text
    assert 'id="email"' not in page
    assert "smtp_host" in page, "an operator is told how to turn it on"
    assert "/forgot" not in Browser(app.test_client()).get("/log-in").text
    for path in ("/forgot", "/reset/x", "/verify/x"):
        assert person.get(path).status_code == 404
    stranger = Browser(app.test_client())
    stranger.sign_up("stranger")
    assert "smtp_host" not in stranger.get("/account").text


def test_a_webhook_is_kept_shown_and_tested(owner: Any) -> None:
    assert owner.client.post("/account/webhook-test").status_code == 400
    owner.post("/account/notifications", {"webhook_url": "https://hooks.example.org/x"}, form="/account")
    page = soup_of(owner.get("/account"))
    assert page.find(id="webhook_url")["value"] == "https://hooks.example.org/x"
    assert len(page.find(id="webhook-secret").text) == 64
    owner.post("/account/webhook-test", form="/account")
    assert (Letter.get().channel, Letter.get().address) == ("webhook", "https://hooks.example.org/x")
    answer = owner.post("/account/notifications", {"webhook_url": "ftp://x"}, form="/account")
    assert soup_of(answer).find(id="webhook_url-problem") is not None


def test_an_account_is_deleted_by_its_password_and_no_session_opens_it_again(operator: Any, owner: Any) -> None:
    wrong = owner.post("/account/delete", {"password": "wrong"}, form="/account/delete")
    assert soup_of(wrong).find(id="password-problem") is not None
    answer = owner.post("/account/delete", {"password": PASSWORD}, form="/account/delete")
    assert answer.location == "/"
    assert owner.get("/account").location.startswith("/log-in")
    assert owner.post("/log-in", {"name": "owner", "password": PASSWORD}).status_code == 400


def test_the_last_operator_is_told_why_it_cannot_leave(operator: Any, owner: Any) -> None:
    answer = operator.post("/account/delete", {"password": PASSWORD}, form="/account/delete")
    assert answer.status_code == 409
    assert "only operator" in answer.text


def test_a_blocked_account_is_put_out_and_told_so_at_the_log_in(operator: Any, owner: Any) -> None:
    operator.post("/operator/accounts/2/block", form="/operator/accounts")
    assert owner.get("/account").location.startswith("/log-in")
    answer = owner.post("/log-in", {"name": "owner", "password": PASSWORD})
    assert answer.status_code == 403
    assert "blocked" in answer.text
    operator.post("/operator/accounts/2/unblock", form="/operator/accounts")
    assert owner.post("/log-in", {"name": "owner", "password": PASSWORD}).status_code == 302


PAGES = (
    "", "/accounts", "/hosts", "/hosts?which=quarantined&search=a", "/hosts?which=doubted&page=2", "/audits",
    "/projects", "/invitations", "/letters", "/actions", "/settings",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_the_operators_pages_are_there_for_operators_only(operator: Any, owner: Any, browser: Any, page: str) -> None:
    assert operator.get(f"/operator{page}").status_code == 200
    for other in (owner, browser):
        answer = other.get(f"/operator{page}")
        assert answer.status_code == 404
        assert "There is no such page" in answer.text
    assert 'href="/operator"' not in owner.get("/account").text


def test_a_strangers_posts_to_the_operators_pages_change_nothing(operator: Any, owner: Any) -> None:
    for path in ("accounts/1/dismiss", "accounts/2/appoint", "projects/1/cancel", "letters/1/retry"):
        assert owner.post(f"/operator/{path}", form="/account").status_code == 404
    assert [row.is_operator for row in Account.select().order_by(Account.id)] == [True, False]


def test_the_operator_sees_settings_without_secrets(operator: Any) -> None:
    text = operator.get("/operator/settings").text
    assert "mail.example.org" in text
    assert "smtp_password" in text
    assert "hush" not in text


def test_an_operator_makes_another_and_finds_people(operator: Any, owner: Any) -> None:
    page = operator.get("/operator/accounts?search=own").text
    assert "owner" in page
    operator.post("/operator/accounts/2/appoint", {"search": "own"}, form="/operator/accounts")
    assert owner.get("/operator").status_code == 200


def test_who_does_not_want_to_be_listed_is_not(owner: Any) -> None:
    assert soup_of(owner.get("/account")).find("input", {"name": "is_listed"}).has_attr("checked")
    owner.post("/account/leaderboard", form="/account")
    assert not Account.get().is_listed
    owner.post("/account/leaderboard", {"is_listed": "1"}, form="/account")
    assert Account.get().is_listed


BOARDS = ("/leaderboard", "/leaderboard/machines", "/leaderboard/teams", "/stats/")


@pytest.mark.parametrize("path", [*BOARDS, "/status", "/status.json", "/forgot"])
def test_public_pages_want_no_log_in(browser: Any, path: str) -> None:
    assert browser.get(path).status_code == 200


def test_the_status_names_projects_to_their_owner_only(owner: Any, stranger: Any, browser: Any, stores: Any) -> None:
    settings = {"epochs": 3, "k": 2, "batch_size": 4}
    stores.projects.add(
        owner=1, name="a secret plan", settings=settings, source_name="m.h5", source_kind="h5", source_sha256="",
        created_at=dt.datetime.now(dt.UTC),
    )  # fmt: skip
    assert "a secret plan" in owner.get("/status").text
    for other in (stranger, browser):
        assert "a secret plan" not in other.get("/status").text
        assert "project 1" in other.get("/status").text
    numbers = browser.get("/status.json")
    assert numbers.json["projects"] == 1
    assert "owner" not in numbers.text
    assert browser.get("/status.json", headers={"If-None-Match": numbers.headers["ETag"]}).status_code in (200, 304)


def test_the_navigation_says_where_one_is(owner: Any) -> None:
    for path in ("/projects", "/computers", "/leaderboard", "/status", "/account", "/operator"):
        current = soup_of(owner.get(path)).select('header a[aria-current="page"]')
        assert [one["href"] for one in current] == [path]


def test_a_page_of_an_error_leads_on(browser: Any, owner: Any) -> None:
    strange = soup_of(browser.get("/nowhere?x=1"))
    assert strange.select_one('a[href="/log-in?next=/nowhere?x%3D1"]') is not None
    assert soup_of(owner.get("/nowhere")).select_one('main a[href="/projects"]') is not None


def test_links_end_with_the_services_settings(services: Any) -> None:
    assert services.address("http://localhost/") == "http://localhost"
    settings = dataclasses.replace(services.settings, public_url="https://grid.example.org/")
    assert dataclasses.replace(services, settings=settings).address("http://x/") == "https://grid.example.org"
