"""What operators do by their pages: as a browser meets them."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from bs4 import BeautifulSoup

from server.domain.host_records import HOSTS_A_PAGE
from server.rules.states import ProjectState
from server.storage.tables import Host
from server.web.app import create_app
from tests.support.web_services import services_over
from tests.unit.server.web.conftest import PASSWORD
from volunteer.protocol.messages import Machine


def soup_of(answer: Any) -> Any:
    return BeautifulSoup(answer.text, "html.parser")


def test_an_invitation_is_shown_once_and_brings_its_code_to_the_sign_up(
    operator: Any, stores: Any, settings: Any, browser: Any
) -> None:
    made = operator.post(
        "/operator/invitations", {"label": "the class", "uses": "2", "days": "7"}, form="/operator/invitations"
    )
    address = soup_of(made).find(id="address").text
    assert made.headers["Cache-Control"] == "no-store"
    assert "daiginvite" not in operator.get("/operator/invitations").text
    wrong = operator.post("/operator/invitations", {"uses": "many", "days": "0"}, form="/operator/invitations")
    assert wrong.status_code == 400
    closed = create_app(services_over(stores, None, None, dataclasses.replace(settings, invitation_only=True)))
    person = type(browser)(closed.test_client())
    assert person.sign_up("uninvited").status_code == 400
    page = person.get(address.removeprefix("http://localhost"))
    code = soup_of(page).find("input", {"name": "invitation"})["value"]
    for name, pasted in {"ada": code, "bob": address}.items():
        guest = type(browser)(closed.test_client())
        joined = guest.post("/sign-up", {"name": name, "password": PASSWORD, "invitation": pasted}, form="/sign-up")
        assert joined.status_code == 302, pasted
    operator.post("/operator/invitations/1/revoke", form="/operator/invitations")
    assert "the class" not in operator.get("/operator/invitations").text


def test_an_operator_lets_a_waiting_project_begin_or_says_why_not(operator: Any, owner: Any, stores: Any) -> None:
    settings = {"epochs": 3, "k": 2, "batch_size": 4}
    for name in ("first", "second"):
        project = stores.projects.add(
            owner=2, name=name, settings=settings, source_name="m.h5", source_kind="h5", source_sha256="",
            created_at=dt.datetime.now(dt.UTC),
        )  # fmt: skip
        stores.projects.move(project, ProjectState.awaiting_approval)
    assert "Approve: second" in operator.get("/operator/projects").text
    silent = operator.post("/operator/projects/2/refuse", {"reason": " "}, form="/operator/projects")
    assert "Say why" in operator.get(silent.location).text
    operator.post("/operator/projects/2/refuse", {"reason": "What for?"}, form="/operator/projects")
    operator.post("/operator/projects/1/approve", form="/operator/projects")
    assert [stores.projects.by_id(number).state for number in (1, 2)] == ["running", "cancelled"]


def has_host(stores: Any, account: int, name: str) -> int:
    machine = Machine("Linux", "test", 2, 2**33, "0.1.0", 1, 2)
    with stores.database.write():
        return int(stores.hosts.add(account, name, f"hash of {name}", machine, dt.datetime.now(dt.UTC)).id)


def test_a_machine_is_put_out_its_owner_reads_why_and_appeals_and_it_is_released(
    operator: Any, owner: Any, stranger: Any, stores: Any
) -> None:
    host = has_host(stores, 2, "attic")
    page = f"/operator/hosts/{host}"
    operator.post(f"{page}/quarantine", {"reason": "Its gradients are all zeros."}, form=page)
    assert "attic" in operator.get("/operator/hosts?which=quarantined").text
    mine = owner.get("/computers").text
    assert "Its gradients are all zeros." in mine
    assert "in quarantine, gets no work" in mine
    field = f"appeal-{host}"
    empty = owner.post(f"/computers/{host}/appeal", {field: " "}, form="/computers")
    assert (empty.status_code, soup_of(empty).find(id=f"{field}-problem") is not None) == (400, True)
    assert stranger.post(f"/computers/{host}/appeal", {field: "It is mine!"}, form="/computers").status_code == 404
    owner.post(f"/computers/{host}/appeal", {field: "The <b>memory</b> was replaced."}, form="/computers")
    shown = operator.get("/operator/hosts?which=appealed").text
    assert "attic" in shown
    assert "The &lt;b&gt;memory&lt;/b&gt; was replaced." in operator.get(page).text
    assert owner.post(f"/computers/{host}/appeal", {field: "Hurry."}, form="/computers").status_code == 409
    operator.post(f"{page}/refuse-appeal", {"reason": "Test it first."}, form=page)
    assert "Test it first." in owner.get("/computers").text
    operator.post(f"{page}/release", {"reason": "It was tested."}, form=page)
    assert "quarantine" not in owner.get("/computers").text
    log = operator.get("/operator/actions").text
    assert "released machine" in log
    assert "It was tested." in log
    assert "There is nothing older." in operator.get("/operator/actions?before=1").text


def test_many_machines_come_page_by_page(operator: Any, stores: Any) -> None:
    for number in range(HOSTS_A_PAGE + 1):
        has_host(stores, 1, f"machine {number}")
    first = soup_of(operator.get("/operator/hosts?search=machine"))
    assert len(first.select("tbody tr")) == HOSTS_A_PAGE
    further = first.find("a", string="Next page")["href"]
    assert "search=machine" in further
    second = soup_of(operator.get(further))
    assert len(second.select("tbody tr")) == 1
    assert (second.find("a", string="Next page"), second.find("a", string="Previous page") is not None) == (None, True)
    assert "There are no more." in operator.get("/operator/hosts?page=9").text
    for odd in ("0", "-1", "x", "99999999999999999999", "٣"):
        assert len(soup_of(operator.get(f"/operator/hosts?page={odd}")).select("tbody tr")) == HOSTS_A_PAGE
    assert "Nobody has disagreed" in operator.get("/operator/hosts?which=doubted").text


def test_a_referee_is_an_operators_machine(operator: Any, owner: Any, stores: Any) -> None:
    mine, theirs = has_host(stores, 1, "cellar"), has_host(stores, 2, "attic")
    for host, word in ((mine, "outranks"), (theirs, "must be a machine of an operator")):
        page = f"/operator/hosts/{host}"
        answer = operator.post(f"{page}/appoint-referee", form=page)
        assert word in operator.get(answer.location).text
    assert [row.name for row in Host.select().where(Host.is_referee)] == ["cellar"]
    page = f"/operator/hosts/{mine}"
    operator.post(f"{page}/dismiss-referee", form=page)
    assert not Host.select().where(Host.is_referee).exists()


def test_a_strangers_posts_about_machines_change_nothing(operator: Any, owner: Any, stores: Any) -> None:
    host = has_host(stores, 1, "cellar")
    for verb in ("quarantine", "release", "refuse-appeal", "appoint-referee", "dismiss-referee"):
        posted = owner.post(f"/operator/hosts/{host}/{verb}", {"reason": "Because."}, form="/account")
        assert posted.status_code == 404
    row = Host.get_by_id(host)
    assert (row.quarantined_at, row.is_referee) == (None, False)


@pytest.mark.parametrize("page", ["/operator/hosts/{}", "/projects/{}", "/teams/{}"])
def test_a_number_that_no_row_can_have_is_no_page(operator: Any, page: str) -> None:
    for number in ("0", "9" * 15, "9" * 40):
        assert operator.get(page.format(number)).status_code == 404
