"""Every page at desktop and phone width, light and dark: pictures for people, and faults that a program can find."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages import PAGES, Shown
from tests.browser.stage import Stage, build
from tests.support.axe import serious_faults
from tests.support.browsing import SCHEMES, SIZES, Watch, Windows
from tests.support.still_grid import StillGrid

PICTURES = Path(os.environ.get("DAIG_TEST_OUTPUT") or Path(__file__).parents[2] / "test-output") / "screenshots"
# Both widths and both schemes, in half the time.
CHECKED = (("desktop", "light"), ("phone", "dark"))
WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LONGEST_PICTURE = 6000
NO_PAGES = {"/healthz", "/grid.json", "/api/v1/openapi.json"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with StillGrid(tmp_path_factory.mktemp("still")) as grid:
        yield build(grid)


@pytest.fixture(scope="module")
def address(stage: Stage) -> str:
    return stage.grid.address


@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
def test_a_page_is_accessible_and_fits_at_every_width(
    shown: Shown, stage: Stage, windows: Windows, watch: Watch
) -> None:
    if shown.status >= 400:
        watch.expected.append(f"status of {shown.status}")
    faults = []
    for size in SIZES:
        with windows.open(size, person=stage.person(shown.who)) as page:
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                answer = page.goto(stage.path(shown))
                assert answer is not None
                assert answer.status == shown.status
                _take_picture(page, PICTURES / f"{size}-{scheme}" / f"{shown.name}.png")
                if (size, scheme) in CHECKED:
                    faults += [f"{size}, {scheme}: {fault}" for fault in serious_faults(page)]
            if (excess := page.evaluate(WIDER_THAN_THE_WINDOW)) > 0:
                faults.append(f"{size}: {excess} pixels wider than the window")
            faults += _structure(page) if size == "desktop" else []
    assert faults == [], "\n".join(faults)


def _take_picture(page: Page, path: Path) -> None:
    """Of the whole page; of a very long one only its beginning, for Chromium gives up on those."""
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, LONGEST_PICTURE)}
    page.screenshot(path=path, full_page=True, clip=clip)


def _structure(page: Page) -> list[str]:
    """One heading of the first level, none skipped, a title of its own, one main part, a link that skips to it."""
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => Number(h.tagName[1]))")
    faults = []
    if levels.count(1) != 1 or levels[0] != 1:
        faults.append(f"headings: {levels}")
    faults += [f"headings skip a level: {levels}" for a, b in itertools.pairwise(levels) if b > a + 1]
    if page.locator("main").count() != 1 or page.locator("a.skip[href='#main']").count() != 1:
        faults.append("landmarks")
    if not page.title().removesuffix("· DAIG").strip():
        faults.append("no title")
    return faults


WALKED = ("landing", "log-in", "new-project", "project-running", "account", "computers", "device-with-a-code")


@pytest.mark.parametrize("name", WALKED)
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(name: str, stage: Stage, windows: Windows) -> None:
    shown = next(one for one in PAGES if one.name == name)
    with windows.open(person=stage.person(shown.who)) as page:
        page.goto(stage.path(shown))
        # From the top, also where a field is in focus from the start.
        page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
        wanted = page.evaluate(_NUMBER_THE_CONTROLS)
        reached, invisible = set(), []
        for _ in range(3 * wanted + 20):
            page.keyboard.press("Tab")
            number, marked = page.evaluate(_WHERE)
            if number is None and reached:
                break
            reached.add(number)
            if not marked:
                invisible.append(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))
        assert set(range(wanted)) <= reached, page.evaluate(_NAMES, sorted(set(range(wanted)) - reached))
        assert invisible == [], "the focus cannot be seen"


_NUMBER_THE_CONTROLS = """() => {
  const shown = [...document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea, summary")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0)
    .filter((one) => one.type !== "radio" || one.checked);
  shown.forEach((one, number) => { one.dataset.number = number; });
  return shown.length;
}"""
_WHERE = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return [null, true];
  const style = getComputedStyle(one);
  const marked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none"
    || one.matches(".skip");
  return [one.dataset.number === undefined ? -1 : Number(one.dataset.number), marked];
}"""
_NAMES = "(numbers) => numbers.map((n) => document.querySelector(`[data-number='${n}']`).outerHTML.slice(0, 100))"


def test_no_page_without_parameters_is_forgotten(stage: Stage) -> None:
    listed = {shown.path for shown in PAGES}
    forgotten = []
    for path in set(stage.grid.plain_paths()) - listed - NO_PAGES:
        for person in (stage.operator, stage.owner):
            answer = person.session.get(stage.grid.address + path, timeout=20, allow_redirects=False)
            if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
                forgotten.append(path)
    assert forgotten == []


def test_the_browser_is_debians_and_current(chromium: Browser) -> None:
    assert int(chromium.version.split(".")[0]) >= 120
