"""The real tray process, its menu read and clicked over D-Bus as a panel does it, and an app that only answers."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.desktop import Desktop, require_gtk
from tests.support.fake_app import FakeApp
from tests.support.grid import wait_for
from volunteer.control.messages import (
    Activity,
    CheckForUpdates,
    PauseRequest,
    QuitRequest,
    ResumeRequest,
    ShowRequest,
    TrayReport,
    Window,
)
from volunteer.tray.icon import APP_GONE, ENDED, NO_TRAY

MOST_MEMORY_MB, MOST_OF_A_CORE = 80, 0.005


class Icon:
    """The tray's process and its menu, as soon as the panel has it and the app knows."""

    def __init__(self, desktop: Desktop, app: FakeApp, registered: Path) -> None:
        from tests.support.tray_menu import TrayMenu

        before = len(registered.read_text().splitlines())
        self.process = desktop.tray(app.home)
        line = wait_for(lambda: registered.read_text().splitlines()[before:], 20, desktop.errors)[0]
        wait_for(lambda: TrayReport(shown=True) in app.asked, 10, desktop.errors)
        self.menu = TrayMenu(desktop.bus, *line.split())


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    require_gtk()
    with Desktop(tmp_path_factory.mktemp("desktop")) as running:
        yield running


@pytest.fixture(scope="module")
def registered(desktop: Desktop) -> Path:
    """Where the panel's stand-in writes down its icons."""
    said = desktop.folder / "watcher.log"
    desktop.start([sys.executable, "-m", "tests.support.fake_watcher"], output=said)
    wait_for(lambda: "ready" in said.read_text(), 10, desktop.errors)
    return said


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FakeApp]:
    with FakeApp(tmp_path / "home") as running:
        yield running


@pytest.fixture
def icon(desktop: Desktop, app: FakeApp, registered: Path) -> Iterator[Icon]:
    shown = Icon(desktop, app, registered)
    yield shown
    if shown.process.poll() is None:
        shown.process.terminate()
    shown.process.wait(10)


def test_each_line_asks_the_app_for_what_it_says(icon: Icon, app: FakeApp) -> None:
    assert icon.menu.property("Title") == "DAIG: Training\n12 units today · credit 1,234"
    first = icon.menu.property("IconName")
    for label, asked in (
        ("Finish this unit, then pause", PauseRequest(after_unit=True)),
        ("Resume", ResumeRequest()),
        ("Pause", PauseRequest()),
        ("Preferences…", ShowRequest(Window.preferences)),
        ("Check for updates", CheckForUpdates()),
        ("About DAIG", ShowRequest(Window.about)),
        ("Quit", QuitRequest()),
    ):
        wait_for(lambda label=label: icon.menu.has(label), 5, lambda: str(icon.menu.lines()))
        icon.menu.click(label)
        wait_for(lambda asked=asked: app.asked[-1] == asked, 5, lambda: str(app.asked))
    wait_for(lambda: icon.menu.property("IconName") != first, 5)
    assert not Path(first).exists(), "the pictures before are left behind"


def test_a_pause_with_an_end_ends_when_it_said(icon: Icon, app: FakeApp) -> None:
    icon.menu.click("4 hours")
    request = wait_for(lambda: app.asked[-1] if isinstance(app.asked[-1], PauseRequest) else None, 5)
    assert request.until.timestamp() == pytest.approx(time.time() + 4 * 3600, abs=30)


def test_what_changes_changes_in_place_so_that_an_open_menu_stays_open(icon: Icon, app: FakeApp) -> None:
    numbers = [line.number for line in icon.menu.lines()]
    app.be(sentence="Waiting & <resting>.", activity=Activity.waiting_for_work, units_today=13)
    wait_for(lambda: icon.menu.has("Waiting & <resting>"), 5, lambda: str(icon.menu.lines()))
    wait_for(lambda: "13 units today" in icon.menu.property("Title"), 5)
    assert not icon.menu.line("Finish this unit, then pause").enabled
    assert [line.number for line in icon.menu.lines()] == numbers


def test_the_process_is_light_and_rests(icon: Icon) -> None:
    process = psutil.Process(icon.process.pid)
    time.sleep(1)
    before = sum(process.cpu_times()[:2])
    time.sleep(3)
    share = (sum(process.cpu_times()[:2]) - before) / 3
    memory = process.memory_info().rss / 2**20
    print(f"the tray's process: {memory:.0f} MiB resident, {share:.2%} of a core")
    assert memory < MOST_MEMORY_MB
    assert share < MOST_OF_A_CORE


def test_the_icon_goes_with_the_app_and_when_told(desktop: Desktop, icon: Icon, app: FakeApp, registered: Path) -> None:
    second = Icon(desktop, app, registered)
    second.process.terminate()
    assert second.process.wait(10) == ENDED
    app.close()
    assert icon.process.wait(10) == APP_GONE


def test_a_desktop_without_a_tray_is_told_apart(tmp_path: Path, app: FakeApp) -> None:
    require_gtk()
    with Desktop(tmp_path / "bare") as bare:
        process = bare.tray(app.home)
        assert process.wait(30) == NO_TRAY, bare.errors()
        assert app.asked == [TrayReport(shown=False)]


def test_neither_a_missing_bus_nor_a_missing_display_hangs_the_icon(tmp_path: Path, app: FakeApp) -> None:
    require_gtk()
    with Desktop(tmp_path / "broken") as broken:
        for changed in ({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}, {"DISPLAY": ":99999"}):
            assert broken.tray(app.home, **changed).wait(30) == NO_TRAY, broken.errors()
