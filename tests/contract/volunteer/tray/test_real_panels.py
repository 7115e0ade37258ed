"""The icon in real panels: seen, its menu opened by the mouse and chosen from by keys. Pictures are kept."""

import time
from pathlib import Path

import pytest

from tests.support.desktop import Desktop, require_gtk
from tests.support.fake_app import FakeApp
from tests.support.grid import wait_for
from tests.support.panels import AMBER, PANELS, icon_at, open_menu
from volunteer.control.messages import PauseRequest, ResumeRequest, TrayReport

# trayer opens menus by the right button; xfce4-panel by the left one, as all panels that draw the icon themselves.
BUTTONS = {"trayer": 3, "xfce": 1}


@pytest.mark.parametrize("panel", list(PANELS))
def test_the_icon_is_seen_and_its_menu_pauses(panel: str, tmp_path: Path) -> None:
    require_gtk()
    with Desktop(tmp_path / "desktop", size="640x480") as desktop, FakeApp(tmp_path / "home") as app:
        PANELS[panel](desktop)
        desktop.tray(app.home, patience=15)
        wait_for(lambda: TrayReport(shown=True) in app.asked, 20, desktop.errors)
        icon_at(desktop)
        desktop.picture(f"icon-{panel}")
        open_menu(desktop, BUTTONS[panel])
        desktop.picture(f"menu-{panel}")
        desktop.run("xdotool", "key", "Down", "Down", "Return")
        wait_for(lambda: app.asked[-1] == PauseRequest(), 5, lambda: str(app.asked))
        icon_at(desktop, AMBER)
        desktop.picture(f"icon-{panel}-paused")
        open_menu(desktop, BUTTONS[panel], AMBER)
        desktop.picture(f"menu-{panel}-paused")
        desktop.run("xdotool", "key", "Down", "Down", "Return")
        wait_for(lambda: app.asked[-1] == ResumeRequest(), 5, lambda: str(app.asked))
        time.sleep(0.1)
