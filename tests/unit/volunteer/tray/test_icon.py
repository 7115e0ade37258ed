"""The icon without a display, by pystray's own stand-in: what is shown, what a click asks, what is said back."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from tests.support.fake_app import FakeApp
from tests.support.grid import wait_for
from volunteer.control.menu import Browse, Picture
from volunteer.control.messages import (
    Activity,
    CheckForUpdates,
    PauseRequest,
    QuitRequest,
    ResumeRequest,
    ShowRequest,
    Window,
)
from volunteer.tray import icon as module
from volunteer.tray.icon import NO_TRAY, Tray, main
from volunteer.tray.pictures import picture

NOW = datetime(2026, 3, 5, 14, 0, tzinfo=UTC)


@pytest.fixture
def pystray(monkeypatch):
    monkeypatch.setenv("PYSTRAY_BACKEND", "dummy")
    import pystray

    assert pystray.Icon.__module__ == "pystray._base"
    # The stand-in shows nothing; what would be shown is read from its values.
    for name in ("_update_icon", "_update_title", "_update_menu", "_show", "_hide"):
        monkeypatch.setattr(pystray.Icon, name, lambda _icon: None)
    said = []
    monkeypatch.setattr(pystray.Icon, "_notify", lambda _icon, sentence, title: said.append((title, sentence)))
    pystray.said = said
    return pystray


@pytest.fixture
def app(tmp_path):
    with FakeApp(tmp_path / "home") as running:
        yield running


@pytest.fixture
def browsed():
    return []


@pytest.fixture
def tray(pystray, app, browsed):
    return Tray(app.client, pystray, app.status, browsed.append, lambda: NOW)


def lines(tray: Tray):
    return {one.text: one for line in tray.icon.menu for one in (line, *(line.submenu or ()))}


def click(tray: Tray, text: str) -> None:
    """Choose it, and do what the thread behind the menu would do."""
    lines(tray)[text](tray.icon)
    tray.fulfil(tray._wishes.get(timeout=5))


def test_a_click_asks_the_app_and_the_menu_follows_the_status(tray, app):
    click(tray, "Pause")
    tray.show(app.status)
    assert app.asked == [PauseRequest()]
    assert tray.icon.icon is picture(Picture.paused)
    assert "Paused" in tray.icon.title
    assert not lines(tray)["Finish this unit, then pause"].enabled
    click(tray, "Resume")
    tray.show(app.status)
    assert app.asked[-1] == ResumeRequest()
    assert tray.icon.icon is picture(Picture.training)
    click(tray, "Until tomorrow")
    assert app.asked[-1].until > NOW


def test_a_pause_after_the_unit_shows_its_mark(tray, app):
    assert lines(tray)["Finish this unit, then pause"].checked is False
    click(tray, "Finish this unit, then pause")
    tray.show(app.status)
    assert lines(tray)["Finish this unit, then pause"].checked is True
    assert tray.icon.icon is picture(Picture.training)


def test_windows_are_opened_by_the_app_and_pages_in_the_browser(tray, app, browsed):
    click(tray, "Preferences…")
    click(tray, "About DAIG")
    click(tray, "Training")
    assert app.asked == [ShowRequest(Window.preferences), ShowRequest(Window.about), ShowRequest(Window.control)]
    click(tray, "My contributions")
    wait_for(lambda: browsed == ["https://grid.example/computers"], 5)


def test_what_the_app_says_comes_as_a_notification_a_refusal_too(tray, app, pystray):
    click(tray, "Check for updates")
    app.refuse = "The grid does not answer."
    tray.fulfil(CheckForUpdates())
    assert pystray.said == [
        ("DAIG", "DAIG 0.1.0 is the newest there is."), ("DAIG", "The grid does not answer."),
    ]  # fmt: skip
    tray.fulfil(QuitRequest())
    assert len(pystray.said) == 2


@pytest.mark.parametrize(("glib", "said"), [(None, "<b>No</b> & no."), (object(), "&lt;b&gt;No&lt;/b&gt; &amp; no.")])
def test_a_sentence_is_no_markup_where_desktops_read_that(tray, app, pystray, glib, said):
    tray._glib = glib
    app.refuse = "<b>No</b> & no."
    tray.fulfil(CheckForUpdates())
    assert pystray.said == [("DAIG", said)]


def test_an_app_that_is_gone_meanwhile_does_not_hurt(tray, app, pystray):
    app.close()
    tray.fulfil(PauseRequest())
    assert pystray.said == [("DAIG", "DAIG is not running.")]


def test_lines_that_cannot_be_chosen_now_ask_nothing(tray, app):
    stale = lines(tray)["My contributions"]
    app.be(activity=Activity.not_attached, server="")
    tray.show(app.status)
    stale(tray.icon)
    assert tray._wishes.empty()


def test_nothing_that_stays_the_same_is_drawn_again(tray, app, monkeypatch):
    drawn = []
    monkeypatch.setattr(tray, "_renew_menu", lambda: drawn.append(True))
    before = tray.icon.icon
    app.be(progress=0.9)
    tray.show(app.status)
    assert drawn == []
    assert tray.icon.icon is before


def test_a_page_is_opened_as_it_is(tray, browsed):
    tray.fulfil(Browse("https://grid.example/computers"))
    wait_for(lambda: browsed == ["https://grid.example/computers"], 5)


@pytest.mark.parametrize("backend", ["dummy", "xorg"])
def test_a_backend_without_a_menu_is_no_tray(backend, app, monkeypatch):
    monkeypatch.setenv("PYSTRAY_BACKEND", backend)
    assert main(app.client) == NO_TRAY
    assert [one.shown for one in app.asked] == [False]


def test_no_tray_is_told_after_some_patience(app, monkeypatch):
    monkeypatch.delenv("PYSTRAY_BACKEND", raising=False)
    asked = []
    monkeypatch.setattr(module, "find_backend", asked.append)
    assert main(app.client, patience_seconds=3) == NO_TRAY
    assert asked == [3]
    app.close()
    wait_for(lambda: main(app.client, 0) == module.APP_GONE, 5)


def test_an_app_that_ended_while_the_icon_came_up_takes_it_along(tray, app):
    stopped = []
    shown = SimpleNamespace(visible=False, stop=lambda: stopped.append("stopped"))
    tray._shown(shown)
    assert (shown.visible, stopped) == (True, [])
    app.close()
    tray._shown(shown)
    assert stopped
