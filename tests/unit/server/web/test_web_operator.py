"""What operators do by their pages: as a browser meets them."""

import dataclasses
import datetime as dt
from typing import Any

from bs4 import BeautifulSoup

from server.rules.states import ProjectState
from server.web.app import create_app
from tests.support.web_services import services_over
from tests.unit.server.web.conftest import PASSWORD


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
    joined = person.post("/sign-up", {"name": "ada", "password": PASSWORD, "invitation": code}, form="/sign-up")
    assert joined.status_code == 302
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
