"""The app comes to a grid and leaves it: threads are real, grid and trainer are not."""

import time
from datetime import timedelta

import pytest

from tests.support.app_at_home import NOW, SERVER, seen, soon
from volunteer.agent.workshop import GridAddress
from volunteer.control.messages import Activity, AttachRequest, LinkRequest
from volunteer.errors import RetryLater, StopAndTell
from volunteer.protocol.messages import DeviceCode


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


def test_a_host_that_works_hears_of_the_refusal_of_another_grid_and_works_on(running, place):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    place.identity(None).retire()
    place.script["device_token"] = [StopAndTell("Somebody has refused to link this machine.", "access_denied")]
    app.link(LinkRequest("https://another.example"))
    soon(lambda: "refused" in app.status().link_trouble)
    status = seen(app, Activity.waiting_for_work)
    assert status.server == SERVER
    place.script["device_token"] = [RetryLater("wait", "authorization_pending")] * 10**4
    app.link(LinkRequest("https://another.example"))
    assert app.status().link_trouble == ""


def test_a_second_code_takes_the_place_of_the_first(running, place):
    app = running(server="")
    place.script["device"] = [DeviceCode("first-code", "AAAA-AAAA", "u", "u", 900, 1)]
    place.script["device_token"] = [RetryLater("wait", "authorization_pending")] * 10**4
    app.link(LinkRequest(SERVER))
    app.link(LinkRequest(SERVER))
    assert "BCDF-GHJK" in seen(app, Activity.not_attached).sentence
    time.sleep(0.1)
    assert place.called("device_token")[-1] == ("the-device-code",)


@pytest.mark.parametrize("told", [True, False])
def test_detaching_tells_the_grid_and_forgets_the_token(running, place, told):
    place.know()
    app = running()
    seen(app, Activity.waiting_for_work)
    place.script["detach_self"] = [None if told else RetryLater("away")]
    done = app.detach()
    assert ("could not be told" in done.sentence) is not told
    left = seen(app, Activity.not_attached)
    assert (left.credit, left.sentence) == (None, f"This computer no longer works for {SERVER}.")
    assert place.identity(None).load() is None
    assert [one.server for one in place.forgotten] == [SERVER]
    with pytest.raises(StopAndTell, match="no grid"):
        app.detach()


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
