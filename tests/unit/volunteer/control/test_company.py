"""Socket, icon and windows together: what opens at a start, and what the app can do without."""

import os
import threading

import pytest

from volunteer.agent import session
from volunteer.config import Folders
from volunteer.control import company, processes, server
from volunteer.control.client import ControlClient, NotRunning
from volunteer.control.company import Company, options_of
from volunteer.control.messages import Activity, Done, ShowRequest, Status, StatusRequest, TrayReport, Window
from volunteer.control.unix_socket import UnixDoor
from volunteer.errors import StopAndTell


class App:
    def __init__(self) -> None:
        self.activity = Activity.training
        self.tray: list[bool] = []

    def status(self):
        return Status(version=1, activity=self.activity, sentence="x")

    def tray_shown(self, shown):
        self.tray.append(shown)


class Desktop:
    def __init__(self) -> None:
        self.did: list[object] = []
        self.gone = None
        self.told = threading.Event()

    def keep_icon(self, gone):
        self.gone = gone
        self.did.append("icon")

    def show(self, window, _session):
        self.did.append(window)
        if window is Window.about:
            raise StopAndTell("no")
        return Done()

    def tray_reported(self, shown):
        self.did.append(shown)

    def begin_to_close(self):
        self.did.append("told to close")
        self.told.set()

    def close(self):
        self.did.append("closed")


@pytest.fixture
def folders(tmp_path):
    return Folders.below(tmp_path)


def test_a_host_shows_its_icon_and_a_newcomer_a_window_too(folders):
    for activity, did in ((Activity.training, ["icon"]), (Activity.not_attached, ["icon", Window.first_run])):
        app, desktop = App(), Desktop()
        app.activity = activity
        around = Company(app, folders, desktop)
        around.open()
        assert desktop.did == did
        assert ControlClient(folders).ask(TrayReport(True)) == Done()
        desktop.gone()
        assert app.tray == [True, False]
        around.close()
        assert desktop.did == [*did, True, "closed"]
        with pytest.raises(NotRunning):
            ControlClient(folders).ask(StatusRequest())


def test_without_a_desktop_there_is_the_socket_alone(folders):
    around = Company(App(), folders, None)
    around.open()
    assert ControlClient(folders).ask(StatusRequest()).version == 1
    with pytest.raises(StopAndTell, match="without windows"):
        ControlClient(folders).ask(ShowRequest())
    around.close()


def test_an_end_that_takes_long_takes_icon_and_windows_along_meanwhile(folders, monkeypatch):
    desktop = Desktop()
    slow = Company(App(), folders, desktop)
    slow.open()
    monkeypatch.setattr(company, "ICON_GOES_AFTER_SECONDS", 0.02)
    slow.wind_up()
    assert desktop.told.wait(5)
    slow.close()
    assert desktop.did == ["icon", "told to close", "closed"]


def test_an_end_that_is_quick_leaves_the_icon_until_then(folders):
    desktop = Desktop()
    quick = Company(App(), folders, desktop)
    quick.open()
    quick.wind_up()
    quick.close()
    assert desktop.did == ["icon", "closed"]


def test_with_a_hanging_network_and_an_icon_that_will_not_go_all_is_over_within_five_seconds():
    work_over = session.ABANDON_AFTER + session.ABANDON_WITHIN
    windows_over = company.ICON_GOES_AFTER_SECONDS + processes.END_SECONDS
    assert session.FINISH_WITHIN < session.ABANDON_AFTER
    assert max(work_over, windows_over) + server._LAST_SECONDS <= 4.5


def test_the_app_works_on_where_it_cannot_be_reached(folders, caplog):
    folders.state.mkdir(parents=True)
    (folders.state / "control.sock").mkdir()
    around = Company(App(), folders, Desktop(), UnixDoor(folders.state, os.getuid()))
    around.open()
    assert "cannot reach this app" in caplog.text
    around.close()


def test_other_processes_are_told_the_home_that_was_chosen(tmp_path, folders):
    assert options_of(folders) == ["--home", str(tmp_path)]
    assert options_of(Folders(tmp_path, tmp_path, tmp_path)) == []
