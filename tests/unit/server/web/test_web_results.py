"""Taking results home by the browser: the card of the project page, its downloads, and whose they are."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask, render_template_string

from server.web.app import create_app
from tests.support.shelf import VIEW, Shelf, changed


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def app(services: Any, shelf: Shelf) -> Flask:
    app = create_app(dataclasses.replace(services, results=shelf))
    page = "{% set s = {'id': 1} %}{% include 'project/results.html' %}"
    app.add_url_rule("/projects/1/card", "card", lambda: render_template_string(page))
    return app


def test_the_card_offers_which_weights_and_which_format_by_a_plain_form(owner: Any) -> None:
    card: Any = BeautifulSoup(owner.get("/projects/1/card").text, "html.parser")
    form = card.find("form")
    assert (form["method"], form["action"]) == ("get", "/projects/1/model")
    assert [box["value"] for box in form.find_all("input")] == ["latest", "best"]
    assert [one["value"] for one in form.find_all("option")] == ["own", "keras", "h5", "savedmodel", "weights"]
    text = " ".join(card.text.split())
    assert "after 10 rounds · validation loss 0.2100 · accuracy 0.9700" in text
    assert "5.0 MB" in text
    assert 'load_model("digits-round-12.keras")' in card.find("code", id="results-sample").text


def test_every_link_of_the_card_leads_to_a_file(owner: Any, shelf: Shelf) -> None:
    card: Any = BeautifulSoup(owner.get("/projects/1/card").text, "html.parser")
    links = [link["href"] for link in card.find_all("a")]
    assert len(links) == 9
    for link in links:
        with owner.get(link) as answer:
            assert answer.status_code == 200, link
            assert "attachment" in answer.headers["Content-Disposition"]
            assert answer.headers["Cache-Control"] == "no-store"
    assert ("10", "keras") in shelf.asked


def test_without_a_measurement_the_best_cannot_be_chosen_and_without_weights_there_is_no_card(
    owner: Any, shelf: Shelf
) -> None:
    shelf.shown = changed(VIEW, best=None)
    card: Any = BeautifulSoup(owner.get("/projects/1/card").text, "html.parser")
    assert card.find("input", value="best").has_attr("disabled")
    shelf.shown = changed(VIEW, best=None, latest=None, kept=[])
    assert owner.get("/projects/1/card").text.strip() == ""


def test_the_model_is_sent_under_its_name_and_kept_for_the_next_one_who_asks(owner: Any, shelf: Shelf) -> None:
    with owner.get("/projects/1/model") as answer:
        assert answer.data == b"weights" * 1000
        assert answer.headers["Content-Disposition"] == "attachment; filename=digits-round-12.h5"
    with owner.get("/projects/1/model?which=best&format=keras"):
        assert shelf.asked == [("latest", "own"), ("best", "keras")]
    assert shelf.file.exists()


def test_who_comes_while_many_models_are_written_is_told_to_come_again(owner: Any, shelf: Shelf) -> None:
    shelf.busy = True
    answer = owner.get("/projects/1/model")
    assert answer.status_code == 503
    assert "Other models are being written just now." in answer.text


def test_the_history_is_a_table_and_a_json_document(owner: Any) -> None:
    answer = owner.get("/projects/1/history.csv")
    assert answer.mimetype == "text/csv"
    assert "digits-history.csv" in answer.headers["Content-Disposition"]
    first, second = csv.DictReader(io.StringIO(answer.text))
    assert (first["round"], first["seconds"], first["loss"], first["accuracy"]) == ("0", "1.500", "2.0", "0.5")
    assert (first["validation_loss"], second["validation_loss"]) == ("", "1.0")
    assert second["validation_accuracy"] == "0.6"
    rounds = owner.get("/projects/1/history.json").json["rounds"]
    assert [one["round"] for one in rounds] == [0, 1]
    assert rounds[0]["closed_at"] == "2026-01-02T03:04:00Z"


@pytest.mark.parametrize(
    "path", ["model", "history.csv", "history.json", "tensorboard.zip", "recipe.json", "preprocessing.json"]
)
def test_nobody_else_gets_a_result(owner: Any, stranger: Any, browser: Any, path: str) -> None:
    assert stranger.get(f"/projects/1/{path}").status_code == 404
    assert browser.get(f"/projects/1/{path}").status_code in (302, 303, 401)
