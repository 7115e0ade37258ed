"""The app as a person sees it: threads are real, grid and trainer are not."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from volunteer.agent.app import App
from volunteer.agent.governor import Governor
from volunteer.agent.grids import Grids
from volunteer.agent.numbers import Numbers
from volunteer.agent.patience import Patience
from volunteer.agent.tools import Tools
from volunteer.agent.work import TRY_AGAIN_SECONDS
from volunteer.agent.workshop import GridAddress, Newcomer
from volunteer.control.messages import Activity, AttachRequest, LinkRequest
from volunteer.errors import RetryLater, StopAndTell
from volunteer.preferences.pausing import Pause, PauseFile
from volunteer.protocol.messages import DeviceCode
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool
from volunteer.spool.identity import Identity, IdentityFile

SERVER = "https://grid.example"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Place:
    """Where one host lives, and what stands in for its network and its processor."""

    def __init__(self, folder, machine, fakes: Tools) -> None:
        self.folder = folder
        self.here = machine
        self.new_grid = type(fakes.grid)
        self.grids: list = []
        self.script: dict[str, list] = {}
        self.trainer = fakes.trainer
        self.remembered: list[GridAddress] = []
        self.seconds = 0.0
        self.reasons: list[str] = []
        self.bad_preferences = False
        self.adopted = 0

    def grid(self, _address):
        grid = self.new_grid()
        grid.script = self.script
        grid.close = lambda: None
        self.grids.append(grid)
        return grid

    def identity(self, _address) -> IdentityFile:
        return IdentityFile(self.folder / "config" / "grid.json")

    def tools(self, address) -> Tools:
        return Tools(
            self.grid(address), self.trainer, BlobCache(self.folder / "cache", 2**20),
            GradientSpool(self.folder / "gradients", workshop=self.folder / "work"),
        )  # fmt: skip

    def machine(self):
        return self.here

    def adopt(self, _tools, _address) -> None:
        self.adopted += 1

    def read_preferences(self) -> None:
        if self.bad_preferences:
            raise StopAndTell("threads: 0 is out of range.")

    def remember(self, address) -> None:
        self.remembered.append(address)

    def know(self) -> None:
        self.identity(None).save(Identity(SERVER, "1", "grid", "token"))

    def called(self, name: str) -> list:
        return [call for grid in self.grids for call in grid.called(name)]

    def app(self, server: str = SERVER, join_key: str | None = None, fingerprint: str = "") -> App:
        governor = Governor(
            PauseFile(self.folder / "state" / "pause.json"),
            lambda _now: [SimpleNamespace(sentence=one) for one in self.reasons], lambda: NOW,
        )  # fmt: skip
        numbers = Numbers(self.folder / "state" / "numbers.json", lambda: date(2026, 11, 23), lambda: self.seconds)
        address = GridAddress(server, fingerprint) if server else None
        # Only time of its own goes by itself: that of the sessions is real, and short.
        patience = Patience(lambda: self.seconds, wait=lambda event, _seconds: event.wait(0.01))
        grids = Grids(self, numbers, Newcomer(address, "steady", join_key), lambda: NOW, patience)
        return App(grids, governor, numbers, lambda: NOW, "steady")


@pytest.fixture
def place(tmp_path, machine, tools) -> Place:
    return Place(tmp_path / "home", machine, tools)


@pytest.fixture
def running(place) -> Iterator:
    apps = []

    def start(stays: bool = True, **options) -> App:
        app = place.app(**options)
        app.over = 0

        def over() -> None:
            app.over += 1

        app.start(over, stays)
        apps.append(app)
        return app

    yield start
    for app in apps:
        app.wind_up()
        app.close()


def seen(app: App, activity: Activity, seconds: float = 5.0):
    until = time.monotonic() + seconds
    status = app.status()
    while status.activity is not activity:
        assert time.monotonic() < until, status
        app.wait_for_change(status.version, 0.05)
        app.tick()
        status = app.status()
    return status


def soon(happened, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_at_its_first_start_it_has_no_grid_and_says_so(running):
    status = seen(running(server=""), Activity.not_attached)
    assert status.sentence == "This computer is not linked to a grid yet."
    assert (status.host_name, status.tray, status.server) == ("steady", False, "")


def test_a_grid_that_the_installer_named_is_shown_before_it_is_linked(running, place):
    status = seen(running(), Activity.not_attached)
    assert SERVER in status.sentence
    assert not place.grids


def test_attaching_by_a_key_begins_the_work_and_is_remembered(running, place):
    app = running(server="")
    done = app.attach(AttachRequest(SERVER, "the-join-key", "ab" * 32))
    assert SERVER in done.sentence
    assert seen(app, Activity.waiting_for_work).server == SERVER
    assert place.remembered == [GridAddress(SERVER, "ab" * 32)]
    ((request,),) = place.called("attach")
    assert (request.join_key, request.name) == ("the-join-key", "steady")
    assert place.identity(None).load().token == "token"


def test_a_key_that_is_refused_changes_nothing(running, place):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    place.identity(None).retire()
    place.script["attach"] = [StopAndTell("This join key is used up.", "join_key_invalid")]
    with pytest.raises(StopAndTell, match="used up"):
        app.attach(AttachRequest(SERVER, "the-join-key"))
    assert app.status().activity is Activity.waiting_for_work
    assert not place.remembered


def test_an_address_without_key_and_token_is_refused_with_the_way_out(running):
    app = running(server="")
    with pytest.raises(StopAndTell, match="link it, or give a join key"):
        app.attach(AttachRequest(SERVER))
    with pytest.raises(StopAndTell, match="in clear"):
        app.attach(AttachRequest("http://far.example", "the-join-key"))


def test_linking_shows_the_code_and_begins_once_it_is_confirmed(running, place):
    app = running(server="")
    place.script["device_token"] = [RetryLater("wait", "authorization_pending")] * 3
    link = app.link(LinkRequest(SERVER))
    assert link.user_code == "BCDF-GHJK"
    assert link.expires_at == NOW + timedelta(seconds=900)
    assert seen(app, Activity.waiting_for_work).server == SERVER
    assert place.identity(None).load() is not None


def test_the_certificate_that_a_join_file_pinned_stays_pinned_when_the_window_links(running, place):
    app = running(fingerprint="ab" * 32)
    app.link(LinkRequest(SERVER))
    seen(app, Activity.waiting_for_work)
    assert place.remembered == [GridAddress(SERVER, "ab" * 32)]


def test_a_link_that_was_refused_says_so(running, place):
    app = running(server="")
    place.script["device_token"] = [StopAndTell("Somebody has refused to link this machine.", "access_denied")]
    app.link(LinkRequest(SERVER))
    assert "refused" in seen(app, Activity.needs_attention).sentence


def test_a_second_code_takes_the_place_of_the_first(running, place):
    app = running(server="")
    place.script["device"] = [DeviceCode("first-code", "AAAA-AAAA", "u", "u", 900, 1)]
    place.script["device_token"] = [RetryLater("wait", "authorization_pending")] * 10**4
    app.link(LinkRequest(SERVER))
    app.link(LinkRequest(SERVER))
    assert "BCDF-GHJK" in seen(app, Activity.not_attached).sentence
    time.sleep(0.1)
    assert place.called("device_token")[-1] == ("the-device-code",)


def test_a_revoked_token_is_shown_and_not_tried_again(running, place):
    place.know()
    place.script["work"] = [StopAndTell("The grid does not know this computer any more.", "unknown_token")]
    app = running()
    status = seen(app, Activity.needs_attention)
    assert status.sentence == "The grid does not know this computer any more."
    place.seconds += 10 * TRY_AGAIN_SECONDS
    app.resume()
    app.tick()
    assert app.status().activity is Activity.needs_attention
    assert place.identity(None).load() is None
    app.attach(AttachRequest(SERVER, "another-key"))
    seen(app, Activity.waiting_for_work)


@pytest.mark.parametrize("how", ["resume", "time"])
def test_other_trouble_is_tried_again_after_a_while_or_when_the_person_says_so(running, place, how):
    place.know()
    place.script["work"] = [StopAndTell("Install a newer version.", "host_too_old")]
    app = running()
    seen(app, Activity.needs_attention)
    app.tick()
    assert app.status().activity is Activity.needs_attention
    if how == "time":
        place.seconds += TRY_AGAIN_SECONDS
    else:
        app.resume()
    seen(app, Activity.waiting_for_work)


def test_an_error_that_nobody_foresaw_does_not_end_the_app(running, place):
    place.know()
    place.script["work"] = [ZeroDivisionError()]
    app = running()
    assert "ZeroDivisionError" in seen(app, Activity.needs_attention).sentence
    place.seconds += 100
    seen(app, Activity.waiting_for_work)
    assert app.error is None


def test_a_disk_that_takes_nothing_at_the_start_is_shown_and_tried_again(running, place):
    place.know()
    tools = place.tools

    def full(_address):
        raise OSError(28, "No space left on device")

    place.tools = full
    app = running()
    assert "OSError" in seen(app, Activity.needs_attention).sentence
    assert (app.error, app.over) == (None, 0)
    place.seconds += 100
    app.tick()
    assert app.status().activity is Activity.needs_attention
    place.tools = tools
    app.tick()
    assert app.status().activity is Activity.needs_attention
    place.seconds += 100
    seen(app, Activity.waiting_for_work)


@pytest.mark.parametrize("error", [StopAndTell("Install a newer version.", "host_too_old"), ZeroDivisionError()])
def test_without_a_desktop_trouble_ends_the_program(running, place, error):
    place.know()
    place.script["work"] = [error]
    app = running(stays=False)
    soon(lambda: app.over)
    assert app.error is error


def test_without_a_desktop_an_unknown_grid_ends_the_program(running):
    app = running(stays=False, server="")
    soon(lambda: app.over)
    assert "--server" in str(app.error)


def test_a_pause_is_shown_at_once_and_whoever_waits_hears_of_it(running, place):
    place.know()
    app = running()
    before = seen(app, Activity.waiting_for_work)
    until = NOW + timedelta(hours=2)
    app.pause(until, False)
    status = app.wait_for_change(before.version, 0.0)
    assert (status.activity, status.paused_until, status.pause_why) == (Activity.paused, until, "person")
    assert status.version > before.version
    app.resume()
    assert seen(app, Activity.waiting_for_work).pause_why == ""


def test_a_pause_that_is_over_before_it_begins_is_refused(running):
    with pytest.raises(StopAndTell, match="over already"):
        running(server="").pause(NOW, False)


def test_a_pause_to_the_end_of_all_calendars_is_refused(running, place):
    app = running(server="")
    with pytest.raises(StopAndTell, match="up to a year"):
        app.pause(datetime.max.replace(tzinfo=UTC), False)
    assert PauseFile(place.folder / "state" / "pause.json").load() is None


def test_a_host_that_was_paused_when_it_ended_starts_paused_and_asks_for_nothing(running, place):
    place.know()
    PauseFile(place.folder / "state" / "pause.json").save(Pause())
    app = running()
    seen(app, Activity.paused)
    time.sleep(0.1)
    assert not place.called("work")
    app.resume()
    seen(app, Activity.waiting_for_work)
    soon(lambda: place.called("work"))


def test_a_reason_of_the_preferences_is_the_status_line(running, place):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    place.reasons = ["Waiting: the computer runs on battery."]
    status = seen(app, Activity.paused)
    assert status.sentence == status.reasons[0] == "Waiting: the computer runs on battery."
    assert status.pause_why == ""
    place.reasons = []
    seen(app, Activity.waiting_for_work)


def test_preferences_reach_the_session_and_bad_ones_change_nothing(running, place):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    app.reload_preferences()
    assert place.adopted == 1
    place.bad_preferences = True
    with pytest.raises(StopAndTell, match="threads"):
        app.reload_preferences()
    assert place.adopted == 1


@pytest.mark.parametrize("told", [True, False])
def test_detaching_tells_the_grid_and_forgets_the_token(running, place, told):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    place.script["detach_self"] = [None if told else RetryLater("away")]
    done = app.detach()
    assert ("could not be told" in done.sentence) is not told
    assert seen(app, Activity.not_attached).credit is None
    assert place.identity(None).load() is None
    with pytest.raises(StopAndTell, match="no grid"):
        app.detach()


def test_quitting_is_said_at_once_and_ends_the_work(running, place):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    app.quit()
    assert app.over == 1
    started = time.monotonic()
    app.wind_up()
    assert time.monotonic() - started < 1.5
    assert app.status().activity is Activity.stopping


def test_what_the_icon_and_the_updates_say_is_in_the_status(running):
    app = running(server="")
    app.tray_shown(True)
    app.update_offered("9.9")
    status = app.status()
    assert (status.tray, status.update) == (True, "9.9")


def test_what_the_box_lacks_is_not_known_before_the_trainer_has_said_it(running, place):
    place.trainer.isolation = None
    place.know()
    app = running()
    assert seen(app, Activity.waiting_for_work).missing_protection is None
    place.trainer.isolation = ("Training could reach the network.",)
    assert app.status().missing_protection == ["Training could reach the network."]


@pytest.mark.parametrize("known", [False, True])
def test_nothing_goes_in_clear_to_a_grid_that_nobody_agreed_to(running, place, known):
    if known:
        place.know()
    app = running(server="http://grid.example", join_key="the-join-key")
    assert "http://grid.example" in seen(app, Activity.not_attached).sentence
    time.sleep(0.05)
    assert not place.grids
    app.link(LinkRequest("http://grid.example", insecure_http=True))
    seen(app, Activity.waiting_for_work)
    assert place.remembered == [GridAddress("http://grid.example", "", True)]
