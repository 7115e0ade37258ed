"""The windows as processes on an X display, used by the keyboard alone; what they ask is real. Pictures are kept."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.desktop import Desktop, require
from tests.support.fake_app import TRAINING, FakeApp
from tests.support.grid import wait_for
from volunteer.control.messages import (
    Activity,
    Link,
    LinkRequest,
    PauseRequest,
    ResumeRequest,
    SetPreferences,
    Status,
)

DARK = "Adwaita:dark"
LOOKS = {"light": "Adwaita", "dark": DARK}
PAGE = "https://grid.example/device?user_code=WDJB-MJHT"
NEW = Status(
    version=1, activity=Activity.not_attached, sentence="This computer is not linked to a grid yet.",
    host_name="quiet-corner", software="0.1.0", tray=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    require("openbox")
    pytest.importorskip("tkinter")
    with Desktop(tmp_path_factory.mktemp("desktop")) as running:
        running.start(["openbox"])
        yield running


class Shown:
    """A window's process, and how it looks."""

    def __init__(self, desktop: Desktop, window: str, title: str, app: FakeApp, look: str = "light") -> None:
        self.desktop = desktop
        self.process: subprocess.Popen[bytes] = desktop.show(window, app.home, GTK_THEME=LOOKS[look])
        self.number = desktop.window(title)
        desktop.run("xdotool", "windowfocus", "--sync", self.number)

    def picture(self, name: str) -> None:
        self.desktop.settle(self.number)
        self.desktop.picture(name, self.number)

    def ends(self) -> int:
        return self.process.wait(10)


def app_with(folder: Path, status: Status = TRAINING, **options: Link) -> FakeApp:
    return FakeApp(folder / "home", status, **options)


def test_the_first_run_links_by_a_code_and_starts_only_when_told(desktop: Desktop, tmp_path: Path) -> None:
    link = Link("WDJB-MJHT", PAGE, datetime.now(UTC) + timedelta(minutes=15))
    with app_with(tmp_path, NEW, link=link) as app:
        shown = Shown(desktop, "first-run", "Welcome to DAIG", app)
        shown.picture("first-run")
        desktop.write("grid.example")
        desktop.keys("Return")
        wait_for(lambda: app.asked == [LinkRequest("https://grid.example")], 5, lambda: str(app.asked))
        wait_for(lambda: desktop.pages() == [PAGE], 10)
        shown.picture("first-run-code")
        app.be(activity=Activity.paused, pause_why="not_started", sentence="Not started yet.", server=TRAINING.server)
        shown.picture("first-run-linked")
        assert app.asked == [LinkRequest("https://grid.example")]
        desktop.keys("Return")
        wait_for(lambda: app.asked[-1] == ResumeRequest(), 5)
        shown.picture("first-run-started")
        desktop.keys("Return")
        assert shown.ends() == 0


def test_a_grid_without_encryption_is_linked_only_after_a_yes(desktop: Desktop, tmp_path: Path) -> None:
    with app_with(tmp_path, NEW) as app:
        shown = Shown(desktop, "first-run", "Welcome to DAIG", app)
        desktop.write("http://grid.example")
        desktop.keys("Return")
        shown.picture("first-run-in-clear")
        assert app.asked == []
        app.refuse = "The grid does not answer. Is the address right?"
        desktop.keys("space", "Return")
        wait_for(lambda: app.asked == [LinkRequest("http://grid.example", insecure_http=True)], 5)
        shown.picture("first-run-refused")
        desktop.keys("Escape")
        assert shown.ends() == 0


@pytest.mark.parametrize("look", list(LOOKS))
def test_preferences_say_what_is_wrong_beside_it_and_save_what_was_changed(
    desktop: Desktop, tmp_path: Path, look: str
) -> None:
    with app_with(tmp_path) as app:
        shown = Shown(desktop, "preferences", "DAIG preferences", app, look)
        shown.picture(f"preferences-{look}")
        desktop.keys("ctrl+Tab", "Tab")
        desktop.keys("ctrl+a")
        desktop.write("many")
        desktop.keys("Return")
        shown.picture(f"preferences-wrong-{look}")
        assert not any(isinstance(one, SetPreferences) for one in app.asked)
        desktop.keys("ctrl+a")
        desktop.write("2")
        desktop.keys("Return")
        assert shown.ends() == 0
        assert app.asked[-1] == SetPreferences({"threads": "2"})


@pytest.mark.parametrize("look", list(LOOKS))
def test_the_control_window_pauses_and_goes_with_the_app(desktop: Desktop, tmp_path: Path, look: str) -> None:
    with app_with(tmp_path) as app:
        shown = Shown(desktop, "control", "DAIG", app, look)
        shown.picture(f"control-{look}")
        desktop.keys("Return")
        wait_for(lambda: app.asked == [PauseRequest()], 5, lambda: str(app.asked))
        app.be(reasons=["The computer runs on its battery."], tray=True, progress=None)
        shown.picture(f"control-paused-{look}")
        app.close()
        assert shown.ends() == 0


def test_about_says_what_the_protection_lacks(desktop: Desktop, tmp_path: Path) -> None:
    with app_with(tmp_path) as app:
        app.be(missing_protection=["This kernel cannot keep the trainer from other files."], update="0.2.0")
        shown = Shown(desktop, "about", "About DAIG", app)
        shown.picture("about")
        desktop.keys("Return")
        assert shown.ends() == 0


def test_without_a_display_a_window_says_so_and_ends(desktop: Desktop, tmp_path: Path) -> None:
    with app_with(tmp_path) as app:
        assert desktop.show("about", app.home, DISPLAY=":99999").wait(20) == 1


def test_a_start_that_fails_says_why_in_a_window_without_any_app(desktop: Desktop, tmp_path: Path) -> None:
    config = tmp_path / "home" / "config"
    config.mkdir(parents=True)
    (config / "volunteer.toml").write_text("threads = [[[")
    process = desktop.python("-m", "volunteer.cli", "run", "--home", str(tmp_path / "home"))
    number = desktop.window("DAIG could not start")
    desktop.run("xdotool", "windowfocus", "--sync", number)
    desktop.settle(number)
    desktop.picture("failed-start", number)
    desktop.keys("Return")
    assert process.wait(10) == 1
