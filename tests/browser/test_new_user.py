"""As a new user would, in a real browser on a real grid: sign up, mistakes, every format, watching, downloading."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support import form_page as form
from tests.support.browsing import Watch, Windows
from tests.support.cast import Cast
from tests.support.digits import digits
from tests.support.grid import wait_for
from tests.support.person import Person
from tests.support.small_files import LABEL, write_formats, write_models

# 360 examples in mini-batches of 16, 4 to a round.
EPOCHS, ROUNDS = 8, 48


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with Cast(tmp_path_factory.mktemp("new-user")) as everyone:
        yield everyone


@pytest.fixture(scope="module")
def address(cast: Cast) -> str:
    return cast.grid.address


@pytest.fixture(scope="module")
def owner(cast: Cast) -> Person:
    return cast.owner


@pytest.fixture(scope="module")
def volunteers(cast: Cast) -> None:
    """Two of them, at work until the last test of this file."""
    cast.host("steady", "--cpu-percent", "50")
    cast.host("slow", "--cpu-percent", "50")


@pytest.fixture(scope="module")
def models(cast: Cast) -> dict[str, Path]:
    return write_models(cast.folder)


@pytest.fixture(scope="module")
def formats(cast: Cast) -> dict[str, dict[str, Path]]:
    return write_formats(cast.folder)


@pytest.fixture(scope="module")
def damaged(cast: Cast, formats: dict[str, dict[str, Path]]) -> dict[str, Path]:
    """Files with one mistake each."""
    x, y = np.load(formats["npy"]["data"]), np.load(formats["npy"]["labels"])
    holed, outside = x.copy(), y.copy()
    holed[17, 3, 3, 0] = np.nan
    outside[5] = 10
    arrays: dict[str, Any] = {"holed": holed, "outside": outside, "short": y[:-7], "flat": x.reshape(len(x), 16, 4)}
    for name, array in arrays.items():
        np.save(cast.folder / f"{name}.npy", array)
    torn = cast.folder / "torn.npz"
    torn.write_bytes(formats["npz"]["data"].read_bytes()[:3000])
    return {**{name: cast.folder / f"{name}.npy" for name in arrays}, "torn": torn}


def test_ten_mistakes_are_each_named_beside_their_field(
    page: Page, watch: Watch, models: dict[str, Path], formats: dict[str, dict[str, Path]], damaged: dict[str, Path]
) -> None:
    # A file that is chosen again is asked for under its old name, which the draft has taken meanwhile.
    watch.expected.append("status of 404 .*/api/v1/uploads/")
    form.sign_up(page, "careless")
    page.goto("/drafts/new")
    form.without_the_browsers_own_checks(page)
    mistaken = {
        "name": "", "epochs": "0", "k": "many", "batch_size": "-3", "learning_rate": "-0.5",
        "validation_fraction": "2", "consent": "",
    }  # fmt: skip
    form.fill(page, {"model": models["lambda"], "data": damaged["torn"], "labels": damaged["short"]}, mistaken)
    assert form.send(page) == "needs_correction"
    found = form.beside(page)
    assert set(found) >= {*mistaken, "model"}, found
    assert "Lambda" in found["model"]
    later = [
        ({"model": models["images"], "data": damaged["torn"], "labels": formats["npy"]["labels"]}, "data", ""),
        ({"data": damaged["flat"]}, "data", "16"),
        ({"data": damaged["holed"]}, "data", "finite|NaN|not a number"),
        ({"data": formats["npy"]["data"], "labels": damaged["short"]}, "labels", "393"),
        ({"labels": damaged["outside"]}, "labels", "10"),
    ]
    texts = {**form.FORM, "learning_rate": ""}
    for files, field, words in later:
        form.without_the_browsers_own_checks(page)
        form.fill(page, files, texts)
        assert form.send(page) == "needs_correction"
        found = form.beside(page)
        assert set(found) == {field}, (files, found)
        assert re.search(words, found[field]), found
        texts = {}
    form.fill(page, {"labels": formats["npy"]["labels"]}, {})
    assert form.send(page) == "ready"
    expect(page.get_by_role("heading", name="Everything fits")).to_be_visible()


def test_the_whole_form_works_without_javascript(
    windows: Windows, models: dict[str, Path], formats: dict[str, dict[str, Path]]
) -> None:
    with windows.open(javascript=False) as page:
        form.sign_up(page, "plain")
        page.goto("/drafts/new")
        form.fill(page, {"model": models["images"], **formats["npy"]}, form.FORM)
        # The page asks for itself again by its own <meta>.
        assert form.send(page) == "ready"
        form.start(page)
        expect(page.locator(".heading h1")).to_have_text("digits")


def _picture(page: Page) -> bytes:
    """The first chart as it looks now, whatever draws it."""
    return page.locator(".chart").first.screenshot()


def _download(page: Page, to: Path, words: str = "Download the model") -> Path:
    with page.expect_download() as waiting:
        page.locator("a", has_text=words).first.click()
    path = to / f"{len(list(to.iterdir()))}-{waiting.value.suggested_filename}"
    waiting.value.save_as(path)
    return path


def _accuracy(file: Path) -> float:
    """Of a downloaded model, loaded by stock Keras, on digits that it never saw."""
    import keras

    _, (x, y) = digits()
    return float((keras.models.load_model(file, compile=False).predict(x, verbose=0).argmax(1) == y).mean())


def _clone(page: Page) -> None:
    """A draft with the same files and settings, of which one is changed."""
    page.locator("summary", has_text="Clone").click()
    page.get_by_role("button", name="with the model as it was uploaded").click()
    expect(page).to_have_url(re.compile(r"/drafts/\d+$"))
    assert form.checked(page) == "ready"
    page.locator("summary", has_text="Change something first").click()
    assert form.control(page, "epochs").input_value() == str(EPOCHS)
    form.fill(page, {}, {"epochs": "3", "name": "again, for three epochs"})
    assert form.send(page) == "ready"
    form.start(page)
    expect(page.locator(".heading h1")).to_have_text("again, for three epochs")


def test_curves_move_while_volunteers_train_and_the_model_is_downloaded_at_half_time_and_at_the_end(
    owner_page: Page, cast: Cast, models: dict[str, Path], formats: dict[str, dict[str, Path]], tmp_path: Path,
    volunteers: None,
) -> None:  # fmt: skip
    page, owner = owner_page, cast.owner
    page.goto("/drafts/new")
    form.fill(page, {"model": models["images"], **formats["npy"]}, {**form.FORM, "epochs": str(EPOCHS)})
    assert form.send(page) == "ready"
    project = form.start(page)

    def reached(number: int) -> None:
        wait_for(lambda: owner.view(project)["round"] >= number, 150, cast.explain)

    reached(3)
    expect(page.locator(".chart").first).to_be_visible()
    assert page.locator(".chart canvas").count() >= 2, "drawn by uPlot, not only by the server"
    page.evaluate("window.untouched = true")
    before, status = _picture(page), page.locator(".under-progress").inner_text()
    reached(8)
    expect(page.locator(".under-progress")).not_to_have_text(status)
    wait_for(lambda: _picture(page) != before, 20, lambda: "the curve stands still")
    assert page.evaluate("window.untouched"), "the page moves without being loaded again"
    reached(ROUNDS // 2)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".badge")).to_have_text("paused")
    half = _download(page, tmp_path)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".badge")).to_have_text("running")
    # Without a reload, all the way to the end.
    expect(page.locator(".badge")).to_have_text("finished", timeout=200_000)
    whole = _download(page, tmp_path)
    middle, end = _accuracy(half), _accuracy(whole)
    print(f"accuracy on held-out digits: {middle:.3f} at half time, {end:.3f} at the end")
    assert half.read_bytes() != whole.read_bytes()
    assert middle > 0.4
    assert end > 0.8
    _clone(page)


IN_THE_PREVIEW = {"npy": "8 × 8", "npz": "8 × 8", "csv": "pixel 7", "images": "400 rows, images", "parquet": "pixel 7"}


@pytest.mark.parametrize("kind", list(IN_THE_PREVIEW))
def test_a_project_of_each_format_is_checked_previewed_and_trained(
    kind: str, owner_page: Page, models: dict[str, Path], formats: dict[str, dict[str, Path]], volunteers: None
) -> None:
    page = owner_page
    page.goto("/drafts/new")
    table = kind in ("csv", "parquet")
    files = {"model": models["table" if table else "images"], **formats[kind]}
    form.fill(page, files, {**form.FORM, "name": kind, "scaling": "unit" if kind == "images" else "none"})
    if table:
        # The first look at the file tells which columns there are; the person says which one is to be learned.
        assert form.send(page) == "needs_correction"
        assert "label_column" in form.beside(page)
        form.fill(page, {}, {"label_column": LABEL})
    assert form.send(page) == "ready"
    text = page.locator("main").inner_text()
    assert IN_THE_PREVIEW[kind] in text, text
    if kind == "images":
        pictures = page.locator(".thumbnails img").evaluate_all("(all) => all.map((one) => one.naturalWidth)")
        assert len(pictures) >= 8
        assert min(pictures) > 0
    form.start(page)
    expect(page.locator(".heading h1")).to_have_text(kind)
    expect(page.locator(".heading .badge")).to_have_text("finished", timeout=120_000)
    if kind == "images":
        expect(page.get_by_role("heading", name="Preparation of the data")).to_be_visible()
