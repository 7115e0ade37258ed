"""Chromium on the pages of a grid. A test fails when its pages ask another address or complain in the console."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.browsing import Watch, Windows, launch
from tests.support.grid import RunningGrid
from tests.support.person import Person


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For a module, not for the session: while Playwright runs, no other test could have an event loop of its own."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGrid]:
    """A whole grid in real processes, without volunteers."""
    with RunningGrid(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def address(grid: RunningGrid) -> str:
    """Where the pages are; a module with another kind of grid overrides this."""
    return grid.address


@pytest.fixture(scope="module")
def owner(address: str) -> Person:
    return Person(address, "owner").sign_up()


@pytest.fixture(scope="module")
def stranger(address: str) -> Person:
    return Person(address, "stranger").sign_up()


@pytest.fixture
def watch(address: str) -> Iterator[Watch]:
    eye = Watch(address)
    yield eye
    eye.require_quiet()


@pytest.fixture
def windows(chromium: Browser, watch: Watch) -> Windows:
    return Windows(chromium, watch)


@pytest.fixture
def page(windows: Windows) -> Iterator[Page]:
    """A newcomer's window."""
    with windows.open() as opened:
        yield opened


@pytest.fixture
def owner_page(windows: Windows, owner: Person) -> Iterator[Page]:
    with windows.open(person=owner) as opened:
        yield opened


@pytest.fixture
def stranger_page(windows: Windows, stranger: Person) -> Iterator[Page]:
    with windows.open(person=stranger) as opened:
        yield opened
