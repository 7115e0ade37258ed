"""The new-project form and the draft pages, over the real drafts."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bs4 import BeautifulSoup

from server.domain.draft_checker import check
from server.rules.averaging import Averaging
from server.rules.states import DraftState
from server.storage.stores import Stores
from server.web.uploads import FORM_BYTES
from tests.support.tiny_training import TinyIntake, TinyLearner

LIMIT = 3_000_000
NOW = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
TEXTS = {"name": "Digits", "batch_size": "32", "epochs": "5", "k": "4", "consent": "1", "metrics": "accuracy"}


def files(**contents: bytes) -> dict[str, Any]:
    names = {"model": "digits.h5", "data": "digits.npy", "labels": "labels.npy"}
    return {field: (io.BytesIO(data), names[field]) for field, data in contents.items()}


def start(person: Any, **contents: bytes) -> str:
    given = contents or {"model": b"m" * 10, "data": b"d" * 400_000, "labels": b"l" * 30}
    answer = person.post("/drafts", {**TEXTS, **files(**given)}, form="/drafts/new")
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def conclude(stores: Stores, state: DraftState, **outcome: Any) -> None:
    draft = stores.drafts.to_check()[0]
    found = {"problems": [], "remarks": [], "facts": [], "findings": None, **outcome}
    assert stores.drafts.conclude(draft, state, now=NOW, **found)


def leftovers(stores: Stores) -> list[Path]:
    return list((stores.folder / "uploads").iterdir())


def test_an_upload_becomes_a_draft_that_is_being_checked(owner: Any, stores: Stores) -> None:
    place = start(owner)
    page = owner.get(place).text
    assert "being checked" in page
    assert "digits.npy" in page
    assert "400 KB" in page
    kept = {path.name.split("-")[0]: path.stat().st_size for path in stores.folder.glob("drafts/*/uploads/*")}
    assert kept == {"model": 10, "data": 400_000, "labels": 30}
    assert leftovers(stores) == []


def test_problems_stand_beside_their_fields_and_what_was_given_is_kept(owner: Any, stores: Stores) -> None:
    place = start(owner)
    sentence = "labels has 1,790 rows, data has 1,797."
    problems = [
        {"field": "labels", "sentence": sentence},
        {"field": "k", "sentence": "0 is out of range."},
        {"field": "", "sentence": "All in all this is odd."},
    ]
    conclude(stores, DraftState.needs_correction, problems=problems)
    page: Any = BeautifulSoup(owner.get(place).text, "html.parser")
    field = page.find(id="labels")
    assert page.find(id=field["aria-describedby"].split()[0]).text == sentence
    assert field["aria-invalid"] == "true"
    assert not field.has_attr("required")
    assert page.find(id="name")["value"] == "Digits"
    assert "digits.npy, 400 KB, kept; choose another file to replace it" in page.text
    assert "All in all this is odd." in page.find(class_="summary-of-problems").text
    assert page.find("input", {"name": "metrics", "value": "accuracy"}).has_attr("checked")


def test_a_correction_replaces_only_the_file_that_was_chosen(owner: Any, stores: Stores) -> None:
    place = start(owner)
    conclude(stores, DraftState.needs_correction)
    assert owner.get(f"{place}.json").json["state"] == "needs_correction"
    empty = {"model": (io.BytesIO(b""), ""), "data": (io.BytesIO(b""), "")}
    answer = owner.post(place, {**TEXTS, **empty, **files(labels=b"n" * 44)}, form=place)
    assert answer.status_code == 303
    state = owner.get(f"{place}.json").json
    assert state["state"] == "checking"
    assert {each["field"]: each["size"] for each in state["uploads"]} == {
        "model": 10, "data": 400_000, "labels": 44,
    }  # fmt: skip
    assert leftovers(stores) == []


def test_a_ready_draft_shows_what_was_found_and_can_be_started(owner: Any, stores: Stores) -> None:
    place = start(owner)
    findings = {
        "settings": {"name": "Digits", "epochs": 5, "k": 4, "batch_size": 32},
        "model": {"kind": "h5"},
    }
    conclude(
        stores, DraftState.ready, facts=[("Classes", "10")], remarks=["The rate is large."], findings=findings
    )
    page = owner.get(place).text
    assert "Everything fits" in page
    assert "The rate is large." in page
    answer = owner.post(f"{place}/start", form=place)
    assert answer.location == "/projects/1"
    assert owner.get(place).location == "/projects/1"
    assert "Digits" in owner.get("/projects").text


def test_a_draft_that_is_not_ready_cannot_be_started(owner: Any) -> None:
    place = start(owner)
    answer = owner.post(f"{place}/start", form=place)
    assert answer.status_code == 409
    assert "not ready" in answer.text


def test_a_draft_is_nobody_elses(owner: Any, stranger: Any, stores: Stores) -> None:
    place = start(owner)
    assert stranger.get(place).status_code == 404
    assert stranger.get(f"{place}.json").status_code == 404
    for verb in ("", "/start", "/discard"):
        assert (
            stranger.post(place + verb, {**TEXTS, **files(labels=b"x")}, form="/account").status_code == 404
        )
    assert owner.get(place).status_code == 200
    assert leftovers(stores) == []


def test_discarding_deletes_the_files(owner: Any, stores: Stores) -> None:
    place = start(owner)
    owner.post(f"{place}/discard", form=place)
    assert owner.get(place).status_code == 404
    assert list(stores.folder.glob("drafts/*/uploads/*")) == []


def test_files_over_the_limit_are_refused_with_a_sentence_and_leave_nothing(
    owner: Any, stores: Stores
) -> None:
    body = b"x" * (LIMIT + FORM_BYTES + 1)
    answer = owner.client.post("/drafts", data=body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 413
    assert "too large" in answer.text
    assert leftovers(stores) == []


def test_files_without_a_log_in_are_not_read(browser: Any, stores: Stores) -> None:
    answer = browser.client.post("/drafts", data={**TEXTS, **files(data=b"x" * 400_000)})
    assert answer.location == "/log-in"
    assert leftovers(stores) == []


def test_files_with_a_stale_form_are_deleted_again(owner: Any, stores: Stores) -> None:
    assert owner.client.post("/drafts", data={**TEXTS, **files(data=b"x" * 1000)}).status_code == 400
    assert leftovers(stores) == []


def test_other_forms_take_no_files(owner: Any) -> None:
    body = b"x" * (FORM_BYTES + 1)
    answer = owner.client.post(
        "/computers/join-keys", data=body, content_type="multipart/form-data; boundary=b"
    )
    assert answer.status_code == 413


def test_the_draft_as_json_is_sent_only_where_it_is_news(owner: Any) -> None:
    place = start(owner)
    first = owner.get(f"{place}.json")
    again = owner.get(f"{place}.json", headers={"If-None-Match": first.headers["ETag"]})
    assert first.json["state"] == "checking"
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\temp\\x.npy", "a\x07b.npy", "<b>.npy"])
def test_odd_file_names_are_made_harmless(owner: Any, name: str) -> None:
    answer = owner.post("/drafts", {**TEXTS, "data": (io.BytesIO(b"x"), name)}, form="/drafts/new")
    shown = owner.get(f"{answer.location}.json").json["uploads"][0]["filename"]
    assert "/" not in shown
    assert "\\" not in shown
    assert shown.isprintable()
    assert "<b>" not in owner.get(answer.location).text


def test_the_form_says_what_strangers_see_and_what_k_does(owner: Any) -> None:
    text = owner.get("/drafts/new").text
    assert "in clear to machines of people you do not know" in text
    assert "K times fewer" in text
    assert "Multiply the learning rate by K" in text


def test_an_optional_file_can_be_removed_again(owner: Any, stores: Stores) -> None:
    place = start(owner, model=b"m", data=b"d", labels=b"l")
    conclude(stores, DraftState.needs_correction)
    page: Any = BeautifulSoup(owner.get(place).text, "html.parser")
    assert page.find("input", {"name": "remove", "value": "labels"}) is not None
    assert page.find("input", {"name": "remove", "value": "data"}) is None
    owner.post(place, {**TEXTS, "remove": ["labels", "model", "nonsense"]}, form=place)
    assert [each["field"] for each in owner.get(f"{place}.json").json["uploads"]] == ["model", "data"]
    assert {path.name.split("-")[0] for path in stores.folder.glob("drafts/*/uploads/*")} == {"model", "data"}


def test_a_new_file_goes_before_the_wish_to_remove_the_old(owner: Any) -> None:
    place = start(owner, labels=b"l")
    owner.post(place, {**TEXTS, "remove": "labels", **files(labels=b"new")}, form=place)
    assert [each["size"] for each in owner.get(f"{place}.json").json["uploads"]] == [3]


def test_each_setting_says_what_empty_means_and_none_is_filled_in_by_the_form(owner: Any) -> None:
    page: Any = BeautifulSoup(owner.get("/drafts/new").text, "html.parser")
    for field in ("epochs", "batch_size", "k", "warmup_rounds", "early_stopping", "class_weights", "seed", "quorum"):
        one = page.find(id=field)
        assert one["value"] == ""
        assert "Empty:" in page.find(id=one["aria-describedby"]).text
    assert [option["value"] for option in page.find(id="schedule").find_all("option")] == [
        "", "constant", "cosine", "linear", "exponential",
    ]  # fmt: skip
    rules = [option["value"] for option in page.find(id="averaging").find_all("option")]
    assert rules == ["", *Averaging]


PREVIEW = {
    "data": {
        "kind": "csv", "rows": 150, "arrays": [], "columns": [
            {"name": "sepal <b>", "type": "number", "distinct": None}, {"name": "kind", "type": "text", "distinct": 2}
        ],
        "head": [["5.1", "setosa"], ["4.9", "<i>virginica"]], "thumbnails": [],
        "classes": [{"name": "setosa", "count": 100}, {"name": "virginica", "count": 50}], "range": [4.9, 5.1],
    },
    "labels": {"kind": "npy", "rows": 3, "arrays": [{"name": "y", "dtype": "int64", "shape": [3]}], "columns": [],
               "head": [["1"]], "thumbnails": ["data:image/png;base64,AAAA"], "classes": None, "range": None},
}  # fmt: skip


def test_the_label_column_is_chosen_from_the_columns_that_were_found(owner: Any, stores: Stores) -> None:
    place = start(owner, model=b"m", data=b"d")
    conclude(stores, DraftState.needs_correction, preview=PREVIEW)
    page: Any = BeautifulSoup(owner.get(place).text, "html.parser")
    options = [option["value"] for option in page.find(id="label_column").find_all("option")]
    assert options == ["", "sepal <b>", "kind"]
    assert "<i>virginica" in page.find("table", class_="head").text
    bars = page.find("table", class_="bars")
    assert [[cell.text for cell in row.find_all(["th", "td"])][:2] for row in bars.tbody.find_all("tr")] == [
        ["setosa", "100"], ["virginica", "50"],
    ]  # fmt: skip
    assert page.find("ul", class_="thumbnails").find("img")["src"].startswith("data:image/png")


@pytest.fixture
def finding(tmp_path: Path) -> Any:
    """Of a model and data that passed, as the domain stores it."""
    files = {"model": 45, "data": 1437, "labels": 1437}
    for name, text in files.items():
        (tmp_path / name).write_text(str(text))
    form = {**TEXTS, "metrics": "", "batch_size": "", "k": "40", "schedule": "cosine", "early_stopping": "3"}
    paths = {name: tmp_path / name for name in files}
    (tmp_path / "out").mkdir()
    checked = check(form, paths, tmp_path / "out", TinyIntake(), TinyLearner())
    assert checked.problems == []
    return msgspec.to_builtins(checked.finding)


def test_a_ready_draft_forecasts_the_training_and_shows_its_settings(owner: Any, stores: Stores, finding: Any) -> None:
    place = start(owner)
    conclude(stores, DraftState.ready, findings=finding, preview=PREVIEW)
    page: Any = BeautifulSoup(owner.get(place).text, "html.parser")
    tiles = [tile.strong.text for tile in page.select(".outlook > div")]
    assert tiles[:2] == ["10", "40"], "five epochs of 41 mini-batches, 40 to a round"
    assert [cell.text for cell in page.select(".paces th")] == ["1 host", "5 hosts", "20 hosts"]
    facts = {row.dt.text: row.dd.text for row in page.select(".facts > div")}
    assert facts["Batch size"] == "32, chosen by the grid"
    assert facts["Learning rate"] == "0.01, falls to nothing along a cosine"
    assert facts["Averaging"] == "chosen by the grid: clipped to the middle from five results on, else the mean"
    assert facts["Agreement"] == "as the grid asks"
    assert facts["Early stopping"] == "after 3 epochs without a better validation loss"
    assert "would choose epochs 37 for" in page.find("form", class_="suggested").text
    assert page.find("button", {"data-fill": "epochs"})["data-value"] == "37"
    assert page.find(id="batch_size")["placeholder"] == "32"


def test_the_suggested_settings_are_taken_by_one_button(owner: Any) -> None:
    place = start(owner)
    assert owner.post(f"{place}/suggested", form=place).location == place
    form = owner.get(f"{place}.json").json["form"]
    assert (form["batch_size"], form["k"], form["epochs"], form["name"]) == ("", "", "", "Digits")


def test_a_stranger_clones_nothing(owner: Any, stranger: Any, stores: Stores) -> None:
    place = start(owner)
    findings = {"settings": {"name": "Digits", "epochs": 5, "k": 4, "batch_size": 32}, "model": {"kind": "h5"}}
    conclude(stores, DraftState.ready, findings=findings)
    project = owner.post(f"{place}/start", form=place).location
    assert stranger.post(f"{project}/clone", form="/account").status_code == 404
    answer = owner.post(f"{project}/clone", form="/account")
    assert answer.status_code == 409
    assert "still being cut" in answer.text
