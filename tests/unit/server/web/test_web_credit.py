"""Leaderboards, teams and the statistics export: as a browser meets them."""

import datetime as dt
import gzip
from typing import Any

import pytest
from bs4 import BeautifulSoup

from server.domain.statistics import StatisticsExport
from server.rules.states import CreditKind
from server.storage.account_tables import Account
from server.storage.ledger import Entry
from server.storage.statistics import StatisticsFolder
from server.storage.stores import Stores
from server.storage.tables import Host
from server.web import api_credit
from server.web.caching import BriefCache
from volunteer.protocol.messages import Machine

NOW = dt.datetime.now(dt.UTC)
MACHINE = Machine("Linux 6.1", "test", 4, 2**33, "0.1.0", 1, 2)


@pytest.fixture(autouse=True)
def fresh_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is built anew whenever it is asked for."""
    monkeypatch.setattr(api_credit, "boards", BriefCache(keep=0.0))


def earn(stores: Stores, name: str, thousandths: int) -> None:
    account = Account.get(Account.name == name)
    with stores.database.write():
        host = Host.get_or_none(Host.account == account.id) or stores.hosts.add(
            account.id, f"{name}'s own name for it", f"token of {name}", MACHINE, NOW
        )
        number = len(stores.ledger.credited()) + thousandths
        entry = Entry(host.id, account.id, account.team_id, number, 1, CreditKind.granted, thousandths)
        stores.ledger.add(entry, dt.datetime.now(dt.UTC))


def soup_of(answer: Any) -> Any:
    return BeautifulSoup(answer.text, "html.parser")


def first_table(answer: Any) -> list[str]:
    return [" ".join(row.get_text(" ").split()) for row in soup_of(answer).select("table.standings")[0].select("tr")]


def test_the_leaderboards_show_volunteers_teams_and_machines(
    owner: Any, stranger: Any, browser: Any, stores: Stores
) -> None:
    stranger.post("/teams/new", {"name": "Reds"}, form="/teams/new")
    earn(stores, "owner", 1250)
    earn(stores, "stranger", 123_456)
    assert first_table(browser.get("/leaderboard"))[1:] == ["1 stranger 0.0 s given 123", "2 owner 0.0 s given 1.2"]
    machines = first_table(browser.get("/leaderboard/machines"))
    kind = "Linux, 4 threads"
    assert machines[1:] == [f"1 Machine 2 stranger · {kind} 123", f"2 Machine 1 owner · {kind} 1.2"]
    assert first_table(browser.get("/leaderboard/teams"))[1:] == ["1 Reds 1 member 123"]
    assert "you" in first_table(owner.get("/leaderboard"))[2].split()
    assert "yours" in first_table(stranger.get("/leaderboard/teams"))[1].split()


def test_who_wants_to_be_named_nowhere_is(owner: Any, browser: Any, stores: Stores) -> None:
    earn(stores, "owner", 1250)
    owner.post("/account/leaderboard", {"is_listed": "1"}, form="/account")
    assert "owner" in browser.get("/leaderboard").text
    assert "1 not named" in browser.get("/leaderboard/machines").text
    owner.post("/account/leaderboard", {"lists_hosts": "1", "is_exported": "1"}, form="/account")
    for page in ("", "/machines", "/teams"):
        text = browser.get(f"/leaderboard{page}").text
        assert "owner" not in text
        assert "own name for it" not in text
    row = Account.get()
    assert (row.is_listed, row.lists_hosts, row.is_exported) == (False, True, True)


def test_nobody_is_exported_without_having_said_so(owner: Any) -> None:
    boxes = soup_of(owner.get("/account")).select("#leaderboard input[type=checkbox]")
    assert {box["name"]: box.has_attr("checked") for box in boxes} == {
        "is_listed": True, "lists_hosts": True, "is_exported": False,
    }  # fmt: skip


def test_a_team_is_made_changed_joined_and_left(owner: Any, stranger: Any, browser: Any) -> None:
    made = owner.post("/teams/new", {"name": "Reds", "description": "We\n<are>"}, form="/teams/new")
    page = made.location
    assert "We\n&lt;are&gt;" in browser.get(page).text
    assert "Log in to join" in browser.get(page).text
    assert soup_of(stranger.get(page)).find("textarea") is None
    stranger.post(f"{page}/join", form=page)
    assert "2</strong><span>members" in stranger.get(page).text
    assert owner.post(page, {"name": "Blues", "description": ""}, form=page).status_code == 302
    assert "Blues" in soup_of(stranger.get("/account")).select_one("#team").text
    assert stranger.post(page, {"name": "Mine", "description": ""}, form=page).status_code == 404
    stranger.post("/teams/leave", form=page)
    assert "You are in none." in stranger.get("/account").text
    owner.post("/teams/leave", form=page)
    assert browser.get(page).status_code == 404


def test_an_operator_gives_a_team_a_decent_name(owner: Any, stranger: Any, stores: Stores) -> None:
    """The first account is the operator's."""
    made = stranger.post("/teams/new", {"name": "Something rude"}, form="/teams/new").location
    assert owner.post(made, {"name": "Something else", "description": ""}, form=made).status_code == 302
    assert "Something else" in stranger.get(made).text
    (action,) = stores.actions.newest(5)
    assert (action.what, action.subject, action.detail) == ("changed team", "Something rude (1)", "Something else")


def test_a_founder_takes_a_member_out_by_a_button(owner: Any, stranger: Any) -> None:
    page = owner.post("/teams/new", {"name": "Reds"}, form="/teams/new").location
    stranger.post(f"{page}/join", form=page)
    assert "Take somebody out" not in stranger.get(page).text
    out = soup_of(owner.get(page)).select_one("form[action$='/remove']")["action"]
    assert stranger.post(out, form=page).status_code == 404
    owner.post(page, {"name": "Reds", "description": "", "closed": "1"}, form=page)
    assert owner.post(out, form=page).status_code == 302
    assert "takes nobody new" in stranger.get(page).text
    stranger.post(f"{page}/join", form="/account")
    assert "You are in none." in stranger.get("/account").text


def test_what_is_wrong_with_a_team_stands_beside_its_field(owner: Any, stranger: Any) -> None:
    stranger.post("/teams/new", {"name": "Reds"}, form="/teams/new")
    answer = owner.post("/teams/new", {"name": "reds", "description": "kept"}, form="/teams/new")
    assert answer.status_code == 400
    assert soup_of(answer).find(id="name-problem").text == "This name is taken."
    assert soup_of(answer).find("textarea").text == "kept"
    made = owner.post("/teams/new", {"name": "Blues"}, form="/teams/new").location
    assert owner.post(made, {"name": "x", "description": "y" * 1001}, form=made).status_code == 400
    assert owner.post("/teams/new", {"name": "Greens"}, form="/teams/new").status_code == 409


def test_the_statistics_are_fetched_by_anybody_and_nothing_else_is(owner: Any, browser: Any, stores: Stores) -> None:
    assert "Not written yet" in browser.get("/stats/").text
    earn(stores, "owner", 1250)
    owner.post("/account/leaderboard", {"is_listed": "1", "is_exported": "1"}, form="/account")
    StatisticsExport(stores, StatisticsFolder(stores.folder / "stats"), "a grid").run_pass(dt.datetime.now(dt.UTC))
    listed = [link["href"] for link in soup_of(browser.get("/stats/")).select("table a")]
    assert "/stats/tables.xml" in listed
    for path in listed:
        with browser.get(path) as answer:
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "public, max-age=3600"
    with browser.get("/stats/user.gz") as answer:
        assert answer.headers.get("Content-Encoding") is None
        assert b"<name>owner</name>" in gzip.decompress(answer.data)
    for path in ("/stats/../grid.db", "/stats/grid.db", "/stats/.user.gz.new", "/stats/%2e%2e%2fgrid.db"):
        assert browser.get(path).status_code == 404


def test_a_number_that_no_team_can_have_is_no_page(browser: Any) -> None:
    for number in ("0", "7", "9" * 15, "9" * 40):
        assert browser.get(f"/teams/{number}").status_code == 404
