"""A join file beside the program attaches a computer once; one that was detached stays so until somebody says go."""

import sys
import time

import pytest

from volunteer import bootstrap
from volunteer.agent import attaching
from volunteer.bootstrap import attach_alone, build_app, detach_alone
from volunteer.config import Settings, read_settings
from volunteer.control.messages import Activity, AttachRequest
from volunteer.errors import RetryLater, StopAndTell
from volunteer.preferences.preferences import Preferences
from volunteer.protocol.messages import Attached, HostNumbers, NoWork
from volunteer.spool.identity import Left

SERVER = "https://grid.example"


class Grid:
    """Knows its hosts by nothing but `revoked`."""

    attached = 0
    revoked = False

    def __init__(self, *_arguments) -> None:
        pass

    def attach(self, _request) -> Attached:
        Grid.attached += 1
        Grid.revoked = False
        return Attached("1", "token", "grid")

    def work(self, _request) -> NoWork:
        if Grid.revoked:
            raise StopAndTell("I do not know this host's token.", "unknown_token")
        return NoWork(0.1, "nothing")

    def numbers(self) -> HostNumbers:
        return HostNumbers("steady", "owner", 0, 0, 0)

    def device(self, _request):
        raise RetryLater("away")

    def detach_self(self, _patience) -> None:
        pass

    def use_token(self, _token) -> None:
        pass

    def close(self) -> None:
        pass


class Host:
    """One computer with a join file beside the program."""

    def __init__(self, folder) -> None:
        self.folder = folder

    @property
    def settings(self) -> Settings:
        return read_settings({"home": str(self.folder)}, {}, lambda: "")

    @property
    def file(self):
        return bootstrap.IdentityFile(self.settings.folders.config / f"{self.settings.grid_key}.json")

    def run(self, until):
        """Start the app, wait until that holds of its status, do what is asked, and end it."""
        app = build_app(self.settings, lambda: Preferences(on_battery=True), True)
        app.start(lambda: None, True)
        try:
            end = time.monotonic() + 10
            while not until(app):
                assert time.monotonic() < end, app.status()
                time.sleep(0.01)
            return app.status()
        finally:
            app.wind_up()
            app.close()


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    monkeypatch.setattr(bootstrap, "GridClient", Grid)
    monkeypatch.setattr(attaching, "_LEAST_INTERVAL", 0.01)
    monkeypatch.setattr(Grid, "attached", 0)
    monkeypatch.setattr(Grid, "revoked", False)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "program" / "daig-volunteer"))
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "daig-join.toml").write_text(f'server = "{SERVER}"\njoin_key = "the-key"\n')
    return Host(tmp_path / "home")


def works(app) -> bool:
    return app.status().sentence == "Waiting for work: the grid has none just now."


def is_shown(activity: Activity):
    return lambda app: app.status().activity is activity


def test_the_first_start_attaches_by_itself_and_the_next_ones_go_on(host):
    assert host.run(works).server == SERVER
    host.run(works)
    assert Grid.attached == 1


def test_a_computer_that_its_person_detached_stays_detached_until_told(host):
    host.run(lambda app: works(app) and app.detach())
    assert host.run(is_shown(Activity.not_attached)).pause_why == "not_started"
    assert Grid.attached == 1
    host.run(lambda app: app.attach(AttachRequest(SERVER, "the-key")))
    assert host.file.left is None
    host.run(is_shown(Activity.paused))
    assert Grid.attached == 2


def test_a_computer_that_its_owner_revoked_asks_for_attention_and_does_not_come_back_by_itself(host):
    host.run(works)
    Grid.revoked = True
    host.run(lambda app: app.status().activity is Activity.needs_attention and host.file.left is Left.revoked)
    assert "detached under “My computers”" in host.run(is_shown(Activity.needs_attention)).sentence
    assert Grid.attached == 1


def test_detaching_and_attaching_by_the_command_line_alone_count_as_well(host):
    host.run(works)
    detach_alone(host.settings)
    host.run(is_shown(Activity.not_attached))
    assert Grid.attached == 1
    attach_alone(host.settings, lambda _link: None)
    assert host.run(is_shown(Activity.paused)).pause_why == "not_started"
    assert Grid.attached == 2


def test_a_laboratory_that_wipes_the_folders_has_a_new_host(host):
    host.run(lambda app: works(app) and app.detach())
    for file in host.settings.folders.config.iterdir():
        file.unlink()
    host.run(works)
    assert Grid.attached == 2
