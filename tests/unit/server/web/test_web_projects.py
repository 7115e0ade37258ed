"""The project pages: what they show at each state, their buttons, downloads and polling."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from server.errors import NotFound
from server.rules.states import ProjectState
from server.rules.views import Curves, EventView, MeasuredCurves, Pace, ProjectSummary, ProjectView, RoundView
from server.web.app import create_app
from tests.support.shelf import Shelf

NOW = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)


def round_view(number: int) -> RoundView:
    loss = 2.0 / (number + 1)
    measured = (
        {"validation_loss": loss + 0.1, "validation_metrics": {"accuracy": 0.9}} if number % 5 == 4 else {}
    )
    return RoundView(number, number // 5, 4, 128, loss, {"accuracy": 0.8}, 1.5, **measured)  # type: ignore[arg-type]


RUNNING = ProjectView(
    summary=ProjectSummary(1, "Digits <&>", ProjectState.running, "Training: 3 hosts.", 12, 2, 5, 0.46),
    created_at=NOW, k=4, batch_size=32, mini_batches_per_epoch=51, used_in_epoch=24, used_in_round=2,
    hosts_at_work=3, host_seconds=5000.0, loss=0.3193, metrics={"accuracy": 0.8772}, validation_loss=0.231,
    validation_metrics={"accuracy": 0.961}, rounds=[round_view(number) for number in range(12)],
    events=[EventView(NOW, "Round 0 opened.")], facts=[("Classes", "10")], can_pause=True, can_resume=False,
    can_cancel=True, can_download=True, pace=Pace(12.34, 1.5, 700.0, 12_300_000, 4_500_000),
)  # fmt: skip


CURVES = Curves(
    rounds=list(range(12)), epochs=[0] * 12, times=[1e9] * 12, seconds=[1.5] * 12, mini_batches=[4] * 12,
    hosts=[3] * 12,
    loss=[2 / (n + 1) for n in range(12)], metrics={"accuracy": [0.8] * 12},
    measured=MeasuredCurves([4, 9], [0, 1], [1e9, 1e9], [0.5, 0.3], {"accuracy": [0.9, 0.95]}),
)  # fmt: skip


class Shown:
    """Project views that show what a test sets; project 1 is account 1's."""

    def __init__(self, view: ProjectView) -> None:
        self.shown = view
        self.listed: list[ProjectSummary] = []
        self.asked = 0

    def view(self, owner_id: int, project_id: int, now: dt.datetime) -> ProjectView:
        self.asked += 1
        if (owner_id, project_id) != (1, 1):
            raise NotFound("There is no such project.")
        return self.shown

    def curves(self, owner_id: int, project_id: int, after: int = -1, measured_after: int = -1) -> Curves:
        self.asked += 1
        self.asked_for = (after, measured_after)
        if (owner_id, project_id) != (1, 1):
            raise NotFound("There is no such project.")
        return CURVES if self.shown.rounds else Curves()

    def list_for(self, owner_id: int, now: dt.datetime) -> list[ProjectSummary]:
        return (self.listed or [self.shown.summary]) if owner_id == 1 else []


class Deeds:
    """Projects that write down what they are asked to do."""

    def __init__(self, folder: Path) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.file = folder / "out.h5"

    def __getattr__(self, verb: str) -> Any:
        return lambda owner, project, now: self.done.append((verb, owner, project))


@pytest.fixture
def shown() -> Shown:
    return Shown(RUNNING)


@pytest.fixture
def deeds(tmp_path: Path) -> Deeds:
    return Deeds(tmp_path)


@pytest.fixture
def app(services: Any, shown: Shown, deeds: Deeds, tmp_path: Path) -> Flask:
    shelf = Shelf(tmp_path, kept=())
    return create_app(dataclasses.replace(services, project_views=shown, projects=deeds, results=shelf))


def test_a_running_project_shows_where_it_is_and_how_good(owner: Any) -> None:
    page: Any = BeautifulSoup(owner.get("/projects/1").text, "html.parser")
    text = " ".join(page.text.split())
    assert page.find("h1").text == "Digits <&>"
    assert page.find("progress")["value"] == "0.46"
    assert "epoch 3 of 5: 24 of 51 mini-batches · round 12: 2 of 4" in text
    for number in ("0.3193", "0.8772", "0.2310", "0.9610"):
        assert number in text
    assert "as reported by hosts" in text
    assert len(page.find_all("svg")) == 2
    assert [row.find("th").text for row in page.find("table").find("tbody").find_all("tr")][:2] == [
        "11",
        "10",
    ]


def test_only_the_buttons_that_can_be_used_are_seen(owner: Any, shown: Shown) -> None:
    shown.shown = changed(RUNNING, can_pause=False, can_resume=True)
    page: Any = BeautifulSoup(owner.get("/projects/1").text, "html.parser")
    seen = {
        each["data-when"]: not each.has_attr("hidden") for each in page.find_all(attrs={"data-when": True})
    }
    assert seen == {"can_download": True, "can_pause": False, "can_resume": True, "can_cancel": True}


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_buttons_do_what_they_say_and_lead_back(owner: Any, deeds: Deeds, verb: str) -> None:
    answer = owner.post(f"/projects/1/{verb}", form="/projects/1")
    assert answer.location == "/projects/1"
    assert deeds.done == [(verb, 1, 1)]


def test_deleting_asks_first(owner: Any, deeds: Deeds) -> None:
    question = owner.get("/projects/1/delete")
    assert "cannot be undone" in question.text
    assert deeds.done == []
    answer = owner.post("/projects/1/delete", form="/projects/1/delete")
    assert answer.location == "/projects"
    assert deeds.done == [("delete", 1, 1)]


def test_the_json_has_the_numbers_and_the_parts_of_the_page(owner: Any) -> None:
    news = owner.get("/projects/1.json").json
    page: Any = BeautifulSoup(owner.get("/projects/1").text, "html.parser")
    assert (news["state"], news["round"], news["progress"], news["ended"]) == ("running", 12, 0.46, False)
    assert news["can_pause"] is True
    assert set(news["parts"]) == {part["data-part"] for part in page.find_all(attrs={"data-part": True})}
    assert "csrf_token" not in str(news)


def test_many_polls_in_a_moment_ask_the_database_once(owner: Any, shown: Shown) -> None:
    answers = [owner.get("/projects/1.json") for _ in range(20)]
    etag = answers[0].headers["ETag"]
    assert shown.asked < 5
    assert owner.get("/projects/1.json", headers={"If-None-Match": etag}).status_code == 304


def test_a_cached_project_is_not_shown_to_a_stranger(owner: Any, stranger: Any) -> None:
    assert owner.get("/projects/1.json").status_code == 200
    assert stranger.get("/projects/1.json").status_code == 404
    assert stranger.get("/projects/1").status_code == 404
    assert "Digits" not in stranger.get("/projects").text


def test_a_project_without_rounds_and_one_that_has_ended_have_their_pages(owner: Any, shown: Shown) -> None:
    empty: dict[str, Any] = {
        "loss": None,
        "metrics": {},
        "validation_loss": None,
        "validation_metrics": {},
        "rounds": [],
    }
    shown.shown = changed(RUNNING, **empty)
    assert "The curves appear with the second closed round." in owner.get("/projects/1").text
    summary = changed(RUNNING.summary, state=ProjectState.finished, epoch=5, progress=1.0)
    shown.shown = changed(RUNNING, summary=summary)
    text = owner.get("/projects/1").text
    assert "100 %" in text
    assert "data-seldom" in text
    assert "http-equiv" not in text


def changed(value: Any, **changes: Any) -> Any:
    """A copy of a msgspec value with some fields changed."""
    return type(value)(**{**{name: getattr(value, name) for name in value.__struct_fields__}, **changes})


def test_curves_come_as_json_from_the_rounds_on_that_are_asked_for(owner: Any, shown: Shown) -> None:
    answer = owner.get("/projects/1/curves.json?after=7&measured=4")
    assert shown.asked_for == (7, 4)
    assert answer.json["rounds"] == list(range(12))
    assert answer.json["measured"]["loss"] == [0.5, 0.3]
    again = owner.get("/projects/1/curves.json?after=7&measured=4", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    owner.get("/projects/1/curves.json?after=nonsense")
    assert shown.asked_for == (-1, -1)
    owner.get(f"/projects/1/curves.json?after={10**40}&measured=-{10**40}")
    assert shown.asked_for == (2**53, -1)


def test_curves_are_not_shown_to_a_stranger(owner: Any, stranger: Any) -> None:
    assert owner.get("/projects/1/curves.json").status_code == 200
    assert stranger.get("/projects/1/curves.json").status_code == 404


def test_how_long_it_will_take_and_what_has_travelled_are_told(owner: Any, shown: Shown) -> None:
    text = " ".join(BeautifulSoup(owner.get("/projects/1").text, "html.parser").text.split())
    for words in ("about 12 min left", "12.3 MB", "4.5 MB", "mini-batches a second12.3", "a round takes1.5 s"):
        assert words in text
    shown.shown = changed(RUNNING, settings={"early_stopping": 3})
    assert "at most about 12 min left" in " ".join(owner.get("/projects/1").text.split())
    shown.shown = changed(RUNNING, pace=Pace())
    assert " left" not in BeautifulSoup(owner.get("/projects/1").text, "html.parser").text


def test_a_training_that_ended_early_says_how_many_epochs_it_had(owner: Any, shown: Shown) -> None:
    for state, epoch, words in (
        (ProjectState.finished, 3, "3 epochs · "),
        (ProjectState.finished, 2, "2 of 3 epochs, stopped early · "),
        (ProjectState.cancelled, 1, "1 of 3 epochs · "),
    ):
        shown.shown = changed(RUNNING, summary=changed(RUNNING.summary, state=state, epoch=epoch, epochs=3))
        progress: Any = BeautifulSoup(owner.get("/projects/1").text, "html.parser").find(class_="under-progress")
        assert f"· {words}" in " ".join(progress.text.split())


def test_only_a_change_of_state_is_said_aloud(owner: Any) -> None:
    page: Any = BeautifulSoup(owner.get("/projects/1").text, "html.parser")
    [spoken] = page.find(id="project").find_all(attrs={"role": "status"})
    assert spoken.text == ""
    assert spoken.find_parent(attrs={"data-part": True}) is None
    assert not page.find_all(attrs={"aria-live": True})


def test_the_list_shows_the_course_of_each_project_and_the_ended_ones_apart(owner: Any, shown: Shown) -> None:
    shown.listed = [
        changed(RUNNING.summary, id=1, name="beta", loss=0.5, trend=[2.0, 0.5]),
        changed(RUNNING.summary, id=2, name="Alpha", progress=0.9),
        changed(RUNNING.summary, id=3, name="Gamma", state=ProjectState.finished, progress=1.0, ended_at=NOW),
    ]

    def titles(query: str) -> list[str]:
        page: Any = BeautifulSoup(owner.get(f"/projects{query}").text, "html.parser")
        return [each.text for each in page.find_all(class_="title")]

    assert titles("") == ["Alpha", "beta", "Gamma"]
    assert titles("?sort=name") == ["Alpha", "beta", "Gamma"]
    assert titles("?sort=loss") == ["beta", "Alpha", "Gamma"]
    assert titles("?sort=progress") == ["Alpha", "beta", "Gamma"]
    assert titles("?sort=nonsense") == titles("")
    page: Any = BeautifulSoup(owner.get("/projects").text, "html.parser")
    assert [each.text for each in page.find_all("h2")] == ["Ended"]
    assert page.find("svg")["aria-label"] == "Training loss from 2.0000 to 0.5000"
    news = owner.get("/projects/list.json?sort=name").json
    assert "Alpha" in news["parts"]["list"]
