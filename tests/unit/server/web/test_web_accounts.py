"""Sign-up, log-in, join keys: as a browser meets them."""

import dataclasses
import datetime as dt
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup

from server.errors import UnknownToken
from server.rules.host_troubles import SILENT
from server.rules.states import ResultState
from server.web.app import create_app
from server.web.login import safe_target
from tests.unit.server.web.conftest import Browser
from volunteer.protocol.messages import AttachRequest, Machine


def alert_of(answer: Any) -> str:
    page: Any = BeautifulSoup(answer.text, "html.parser")
    return str(page.find(role="alert").text)


def is_marked(answer: Any, field: str) -> bool:
    page: Any = BeautifulSoup(answer.text, "html.parser")
    return bool(page.find(id=field)["aria-invalid"] == "true")


def test_signing_up_logs_in_and_shows_the_account_page(browser: Any) -> None:
    answer = browser.sign_up("alice")
    assert (answer.status_code, answer.location) == (302, "/account")
    assert "Welcome, alice." in browser.get("/account").text


def test_the_first_account_and_no_other_is_told_that_it_is_the_operators(operator: Any, browser: Any) -> None:
    browser.sign_up("alice")
    told = "this grid&#39;s operator"
    assert told in operator.get("/account").text
    assert told not in browser.get("/account").text


def test_a_short_password_is_named_beside_its_field_and_the_name_is_kept(browser: Any) -> None:
    answer = browser.post("/sign-up", {"name": "alice", "password": "short"}, form="/sign-up")
    page: Any = BeautifulSoup(answer.text, "html.parser")
    field = page.find(id="password")
    assert answer.status_code == 400
    assert field["aria-invalid"] == "true"
    problem = page.find(id=field["aria-describedby"].split()[0])
    assert problem["role"] == "alert"
    assert "characters" in problem.text
    assert page.find(id="name")["value"] == "alice"


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(owner: Any, browser: Any) -> None:
    wrong = browser.post("/log-in", {"name": "owner", "password": "not this one"})
    unknown = browser.post("/log-in", {"name": "nobody", "password": "not this one"})
    assert wrong.status_code == unknown.status_code == 400
    sentences = [alert_of(a) for a in (wrong, unknown)]
    assert sentences[0] == sentences[1]


def test_many_wrong_passwords_are_throttled_with_a_sentence(owner: Any, browser: Any) -> None:
    statuses = [
        browser.post("/log-in", {"name": "owner", "password": "wrong"}).status_code for _ in range(12)
    ]
    assert statuses[0] == 400
    assert statuses[-1] == 429


def test_logging_out_ends_the_session(owner: Any) -> None:
    assert owner.post("/log-out", form="/account").status_code == 302
    assert owner.get("/account").location.startswith("/log-in")


def test_after_the_log_in_people_are_where_they_wanted_to_be(owner: Any) -> None:
    owner.post("/log-out", form="/account")
    wanted = owner.get("/projects/7?x=1").location
    assert wanted == "/log-in?next=/projects/7?x%3D1"
    answer = owner.post(
        "/log-in", {"name": "owner", "password": "four plain random words", "next": "/projects/7"}
    )
    assert answer.location == "/projects/7"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example",
     "evil.example", "", "/a\r\nb", "\\\\evil.example"],
)  # fmt: skip
def test_a_log_in_never_sends_people_to_another_site(owner: Any, target: str) -> None:
    owner.post("/log-out", form="/account")
    answer = owner.post("/log-in", {"name": "owner", "password": "four plain random words", "next": target})
    assert answer.location == "/projects"
    assert safe_target(target) == ""


def test_a_join_key_is_shown_once_with_the_command_that_uses_it(owner: Any) -> None:
    answer = owner.post("/computers/join-keys", {"label": "desk", "uses": "2", "hours": "24"}, form="/computers")
    page: Any = BeautifulSoup(answer.text, "html.parser")
    secret = page.find(id="secret").text
    command = "daig-volunteer run --headless --server http://localhost --join-key-file -"
    assert page.find(id="command").text == command
    assert answer.headers["Cache-Control"] == "no-store"
    again = owner.get("/computers").text
    assert "desk" in again
    assert secret not in again


def test_a_revoked_join_key_is_gone_and_only_its_owner_can_revoke_it(owner: Any, stranger: Any) -> None:
    owner.post("/computers/join-keys", {"label": "desk", "uses": "2", "hours": "24"}, form="/computers")
    path = re.search(r'action="(/computers/join-keys/\d+/revoke)"', owner.get("/computers").text)
    assert path is not None
    stranger.post(path[1], form="/computers")
    assert "desk" in owner.get("/computers").text
    owner.post(path[1], form="/computers")
    assert "desk" not in owner.get("/computers").text


@pytest.mark.parametrize(
    ("field", "text"), [("uses", "0"), ("uses", "many"), ("hours", "99999999"), ("hours", "")]
)
def test_a_join_key_with_odd_limits_is_refused_beside_the_field(owner: Any, field: str, text: str) -> None:
    given = {"label": "desk", "uses": "2", "hours": "24", field: text}
    answer = owner.post("/computers/join-keys", given, form="/computers")
    assert answer.status_code == 400
    assert is_marked(answer, field)


def test_a_join_file_holds_what_a_machine_needs_and_comes_only_once(owner: Any) -> None:
    answer = owner.post("/computers/join-file", {"label": "lab", "uses": "30", "hours": "24"}, form="/computers")
    assert answer.headers["Content-Disposition"] == "attachment; filename=daig-join.toml"
    assert answer.headers["Cache-Control"] == "no-store"
    said = tomllib.loads(answer.text)
    assert set(said) == {"server", "join_key"}
    assert said["server"] == "http://localhost"
    assert said["join_key"].startswith("daigjoin_")
    again = owner.get("/computers").text
    assert "lab" in again
    assert said["join_key"] not in again
    assert owner.get("/computers/join-file").status_code == 405


def test_a_join_file_pins_the_certificate_that_the_grid_made_itself(services: Any) -> None:
    settings = dataclasses.replace(services.settings, fingerprint="ab" * 32)
    app = create_app(dataclasses.replace(services, settings=settings))
    person = Browser(app.test_client())
    person.sign_up("owner")
    given = {"label": "lab", "uses": "30", "hours": "24"}
    answer = person.post("/computers/join-file", given, form="/computers")
    assert tomllib.loads(answer.text)["fingerprint"] == "ab" * 32


def test_everybody_may_have_a_file_that_says_where_the_grid_is(browser: Any) -> None:
    answer = browser.get("/daig-join.toml")
    assert tomllib.loads(answer.text) == {"server": "http://localhost"}
    assert answer.headers["Content-Disposition"] == "attachment; filename=daig-join.toml"


def test_who_reaches_the_grid_by_loopback_is_told_that_others_do_not(owner: Any, services: Any) -> None:
    words = "open this page by the name or address"
    assert words in owner.get("/computers").text
    settings = dataclasses.replace(services.settings, public_url="https://grid.example.org")
    person = Browser(create_app(dataclasses.replace(services, settings=settings)).test_client())
    person.sign_up("another")
    assert words not in person.get("/computers").text


def test_nobody_is_told_to_delete_the_file_that_the_service_starts_by(owner: Any) -> None:
    unit = Path(__file__).parents[4] / "packaging/linux/daig-volunteer.system.service"
    assert "ConditionPathExists=/etc/daig/daig-join.toml" in unit.read_text()
    page: Any = BeautifulSoup(owner.get("/computers").text, "html.parser")
    said = " ".join(page.main.text.split())
    assert "revoke its key; on the machines it stays" in said
    assert "delete it" not in said


def test_a_join_file_with_odd_limits_is_refused_beside_the_field(owner: Any) -> None:
    answer = owner.post("/computers/join-file", {"label": "lab", "uses": "0", "hours": "24"}, form="/computers")
    assert answer.status_code == 400
    assert is_marked(answer, "uses")


def test_a_machine_is_renamed_by_its_owner_only(owner: Any, stranger: Any, services: Any) -> None:
    number = attach(owner, services, "attic")
    field, path = f"name-{number}", f"/computers/{number}/rename"
    assert stranger.post(path, {field: "mine"}, form="/computers").status_code == 404
    answer = owner.post(path, {field: "  the <b>kitchen</b> \n"}, form="/computers", follow_redirects=True)
    assert "is called “the &lt;b&gt;kitchen&lt;/b&gt;”" in answer.text
    answer = owner.post(path, {field: "   "}, form="/computers")
    assert answer.status_code == 400
    assert is_marked(answer, field)
    assert "1 to 200 letters" in answer.text


def test_ones_computers_say_what_went_wrong_and_which_program_is_out_of_date(
    owner: Any, services: Any, stores: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.hosts, "_newest", lambda: "0.2.0")
    attach(owner, services, "attic")
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(hours=3)
    trouble = SimpleNamespace(state=ResultState.lost, sentence=SILENT, ended_at=moment)
    monkeypatch.setattr(stores.work, "ended_badly", lambda *_: [trouble, trouble])
    page: Any = BeautifulSoup(owner.get("/computers").text, "html.parser")
    assert "out of date, install 0.2.0" in page.main.text
    told = [item.text for item in page.find(class_="troubles").find_all("li")]
    assert len(told) == 1, "what happened again is told once"
    assert told[0].startswith("3.0 h ago: It fell silent in the middle of a unit")


def attach(person: Any, services: Any, name: str) -> int:
    """A machine that joined by this person's key; its number."""
    answer = person.post("/computers/join-keys", {"label": "desk", "uses": "1", "hours": "24"}, form="/computers")
    page: Any = BeautifulSoup(answer.text, "html.parser")
    machine = Machine("Linux", "test", 2, 2**30, "daig-volunteer 0.1.0", 1, 2)
    request = AttachRequest(page.find(id="secret").text, name, machine)
    return int(services.hosts.attach(request, dt.datetime.now(dt.UTC)).host)


def test_a_machine_is_detached_by_its_owner_only(owner: Any, stranger: Any, services: Any) -> None:
    answer = owner.post("/computers/join-keys", {"label": "desk", "uses": "1", "hours": "24"}, form="/computers")
    page: Any = BeautifulSoup(answer.text, "html.parser")
    machine = Machine("Linux", "test", 2, 2**30, "0.1.0", 1, 2)
    moment = dt.datetime.now(dt.UTC)
    token = services.hosts.attach(AttachRequest(page.find(id="secret").text, "attic", machine), moment).token
    path = re.search(r'action="(/computers/\d+/detach)"', owner.get("/computers").text)
    assert path is not None
    assert stranger.post(path[1], form="/computers").status_code == 404
    assert owner.client.post(path[1]).status_code == 400, "without a CSRF token"
    assert services.hosts.by_token(token).name == "attic"
    answer = owner.post(path[1], form="/computers", follow_redirects=True)
    assert "The machine is detached" in answer.text
    assert "attic" not in answer.text
    with pytest.raises(UnknownToken):
        services.hosts.by_token(token)
