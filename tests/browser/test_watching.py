"""A project's page, kept open: it moves, and leaves alone whoever reads, types or listens."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.browsing import Windows
from tests.support.person import Person
from tests.support.still_grid import StillGrid


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StillGrid]:
    with StillGrid(tmp_path_factory.mktemp("watching")) as grid:
        yield grid


@pytest.fixture(scope="module")
def address(still: StillGrid) -> str:
    return still.address


@pytest.fixture(scope="module")
def project(still: StillGrid, owner: Person) -> int:
    number = still.domain.project(still.id_of(owner), 480, name="Leaf shapes", epochs=6, validation_fraction=0.1)
    still.train(number, rounds=6)
    return number


def charts(page: Page) -> list[str]:
    return [str(each.get_attribute("aria-label")) for each in page.locator("#curves .plot").all()]


def test_new_rounds_come_by_themselves_and_take_nothing_away(
    owner_page: Page, still: StillGrid, project: int, owner: Person
) -> None:
    page = owner_page
    page.goto(f"/projects/{project}")
    expect(page.locator("#curves .u-over").first).to_be_visible()
    assert "in round 5" in charts(page)[0]
    page.evaluate("window.untouched = true")
    page.locator("details.block summary").click()
    page.locator("[name=smoothing]").focus()
    still.domain.wait(2)
    still.train(project, 9, cast=[still.domain.host(still.id_of(owner), "late", 2**33)], seconds=1)
    expect(page.locator("#curves .plot").first).to_have_attribute("aria-label", re.compile("in round 8"))
    expect(page.locator(".rounds tbody th").first).to_have_text("8")
    assert page.evaluate("window.untouched")
    assert page.evaluate("document.activeElement.name") == "smoothing"
    assert page.locator("details.block").evaluate("each => each.open")
    assert not page.locator("[data-copy]").evaluate("each => each.hidden"), "what another script has shown stays"
    expect(page.locator("[data-announcement]")).to_be_empty()
    still.domain.projects.pause(still.id_of(owner), project, still.domain.now)
    expect(page.locator("[data-announcement]")).to_have_text(re.compile("Paused"))
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    still.domain.projects.resume(still.id_of(owner), project, still.domain.now)


def test_curves_are_shown_as_they_are_wanted_and_so_the_next_time(owner_page: Page, project: int) -> None:
    page = owner_page
    page.goto(f"/projects/{project}")
    expect(page.locator("#curves .u-over").first).to_be_visible()
    page.locator("[name=against]").select_option("epoch")
    page.locator("[name=smoothing]").fill("0.6")
    page.locator(".u-over").first.hover()
    expect(page.locator(".chart .where").first).to_have_text(re.compile(r"^epoch \d\.\d\d$"))
    page.reload()
    expect(page.locator("[name=against]")).to_have_value("epoch")
    assert page.locator("[name=smoothing]").input_value() == "0.6"
    light = page.locator(".plot").first.screenshot()
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".plot").first).to_be_visible()
    assert page.locator(".plot").first.screenshot() != light


def test_without_javascript_the_curves_are_pictures(windows: Windows, project: int, owner: Person) -> None:
    with windows.open(javascript=False, person=owner) as page:
        page.goto(f"/projects/{project}")
        pictures = page.locator("#curves svg")
        assert pictures.count() == 2
        assert str(pictures.first.get_attribute("aria-label")).startswith("loss: training from")
        expect(page.locator(".curve-tools")).to_be_hidden()


def test_who_has_ended_is_asked_after_seldom(
    owner_page: Page, still: StillGrid, project: int, owner: Person
) -> None:
    page = owner_page
    still.domain.projects.cancel(still.id_of(owner), project, still.domain.now)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith(f"/{project}.json") else None)
    page.clock.install()
    page.goto(f"/projects/{project}")
    for _ in range(10):
        page.clock.run_for(2000)
        # The answers come in real time.
        page.wait_for_timeout(50)
    assert len(asked) == 1
    for _ in range(10):
        page.clock.run_for(2000)
        page.wait_for_timeout(50)
    assert len(asked) == 2
