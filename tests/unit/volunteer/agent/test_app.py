"""The app as a person sees it: threads are real, grid and trainer are not."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.app_at_home import NOW, SERVER, seen, soon
from volunteer.agent.work import TRY_AGAIN_SECONDS
from volunteer.control.messages import Activity, AttachRequest
from volunteer.errors import StopAndTell
from volunteer.preferences.pausing import Pause, PauseFile


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


@pytest.mark.parametrize("code", ["host_too_old", "host_quarantined"])
@pytest.mark.parametrize("how", ["resume", "time"])
def test_other_trouble_is_tried_again_after_a_while_or_when_the_person_says_so(running, place, how, code):
    place.know()
    place.script["work"] = [StopAndTell("Do something about it.", code)]
    app = running()
    assert seen(app, Activity.needs_attention).sentence == "Do something about it."
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


def test_without_a_desktop_a_quarantine_is_waited_for_and_said(running, place):
    place.know()
    place.script["work"] = [StopAndTell("This machine is in quarantine.", "host_quarantined")]
    app = running(stays=False)
    assert seen(app, Activity.needs_attention).sentence == "This machine is in quarantine."
    place.seconds += TRY_AGAIN_SECONDS
    seen(app, Activity.waiting_for_work)
    assert app.error is None


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


def test_quitting_is_said_at_once_and_ends_the_work(running, place):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    app.quit()
    assert app.over == 1
    started = time.monotonic()
    app.wind_up()
    assert time.monotonic() - started < 4
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
