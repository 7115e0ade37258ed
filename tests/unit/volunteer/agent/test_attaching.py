"""Linking by a code, and detaching, with a grid that answers from a list and a clock that only waiting moves."""

import logging
import threading

import pytest

from volunteer.agent.attaching import MOST_CODES, await_confirmation, detach, link
from volunteer.errors import RetryLater, StopAndTell
from volunteer.protocol.messages import Attached, DeviceRequest
from volunteer.spool.identity import Identity, IdentityFile

SERVER = "https://grid.test"
PENDING, TOO_FAST = RetryLater("", "authorization_pending"), RetryLater("", "slow_down")
EXPIRED, DENIED = StopAndTell("", "expired_token"), StopAndTell("Refused.", "access_denied")
AWAY = RetryLater("The server cannot be reached.")


class Attempt:
    """One person in front of one machine."""

    def __init__(self, grid, clock, machine, folder) -> None:
        self.grid, self.clock = grid, clock
        self.file = IdentityFile(folder / "token.json")
        self.request = DeviceRequest("steady", machine)
        self.stop = threading.Event()
        self.shown: list[str] = []

    def link(self) -> bool:
        return link(
            self.grid, self.file, SERVER, self.request, lambda code: self.shown.append(code.user_code),
            self.clock.patience(), self.stop,
        )  # fmt: skip


@pytest.fixture
def attempt(tools, clock, machine, tmp_path) -> Attempt:
    return Attempt(tools.grid, clock, machine, tmp_path / "config")


def test_a_machine_asks_every_five_seconds_until_the_person_confirms(attempt):
    attempt.grid.script["device_token"] = [PENDING, PENDING, Attached("7", "secret", "the grid")]
    assert attempt.link()
    assert attempt.shown == ["BCDF-GHJK"]
    assert attempt.clock.waits == [5, 5, 5]
    assert attempt.grid.called("device_token") == [("the-device-code",)] * 3
    assert attempt.file.load() == Identity(SERVER, "7", "the grid", "secret")
    assert attempt.grid.called("use_token") == [("secret",)]


def test_a_grids_name_is_one_line_of_the_log(attempt, caplog):
    attempt.grid.script["device_token"] = [Attached("7", "secret", "grid\n2026 ERROR forged")]
    with caplog.at_level(logging.INFO):
        assert attempt.link()
    assert caplog.messages == ["attached to grid 2026 ERROR forged as host 7"]


def test_told_to_slow_down_it_waits_five_seconds_longer_from_then_on(attempt):
    attempt.grid.script["device_token"] = [PENDING, TOO_FAST, PENDING, TOO_FAST, PENDING]
    assert attempt.link()
    assert attempt.clock.waits == [5, 5, 10, 10, 15, 15]


def test_a_server_that_is_away_meanwhile_is_asked_again(attempt):
    attempt.grid.script["device_token"] = [AWAY, AWAY, PENDING]
    assert attempt.link()
    assert all(wait >= 5 for wait in attempt.clock.waits)


def test_a_server_that_is_away_before_there_is_a_code_keeps_nobody_waiting(attempt):
    attempt.grid.script["device"] = [AWAY]
    with pytest.raises(RetryLater):
        attempt.link()


def test_a_code_that_nobody_confirms_is_followed_by_a_few_new_ones_and_then_a_sentence(attempt):
    attempt.grid.script["device_token"] = [EXPIRED] * MOST_CODES
    with pytest.raises(StopAndTell, match="in time") as caught:
        attempt.link()
    assert caught.value.code == "expired_token"
    assert len(attempt.shown) == MOST_CODES
    assert attempt.file.load() is None


def test_a_second_code_that_is_confirmed_links(attempt):
    attempt.grid.script["device_token"] = [PENDING, EXPIRED]
    assert attempt.link()
    assert len(attempt.shown) == 2


def test_a_server_that_never_comes_back_does_not_hold_up_the_person_for_longer_than_the_code_lasts(attempt):
    attempt.grid.defaults["device_token"] = AWAY
    with pytest.raises(StopAndTell, match="in time"):
        attempt.link()
    assert attempt.clock.now <= MOST_CODES * (900 + 60)


def test_a_person_who_refuses_ends_it_at_once(attempt):
    attempt.grid.script["device_token"] = [DENIED]
    with pytest.raises(StopAndTell, match="Refused"):
        attempt.link()
    assert len(attempt.shown) == 1


def test_stopping_ends_the_waiting_and_keeps_nothing(attempt):
    attempt.grid.defaults["device_token"] = PENDING
    attempt.clock.on_wait = lambda _seconds: attempt.stop.set() if attempt.clock.now > 60 else None
    assert not attempt.link()
    assert attempt.file.load() is None


@pytest.mark.parametrize(("interval", "waited"), [(0, 1), (10**6, 60)])
def test_odd_intervals_of_a_server_are_bounded(attempt, interval, waited):
    code = attempt.grid.defaults["device"]
    odd = type(code)(code.device_code, code.user_code, "", "", 900, interval)
    assert await_confirmation(attempt.grid, attempt.file, SERVER, odd, attempt.clock.patience(), attempt.stop)
    assert attempt.clock.waits == [waited]


@pytest.mark.parametrize(("answer", "told"), [(None, True), (StopAndTell("", "unknown_token"), True), (AWAY, False)])
def test_detaching_puts_the_token_aside_whether_or_not_the_server_is_there(attempt, answer, told):
    attempt.file.save(Identity(SERVER, "7", "the grid", "secret"))
    attempt.grid.script["detach_self"] = [answer]
    assert detach(attempt.grid, attempt.file) is told
    assert attempt.file.load() is None
    assert attempt.grid.called("use_token") == [("secret",)]


def test_detaching_what_is_not_attached_asks_nobody(attempt):
    assert detach(attempt.grid, attempt.file)
    assert attempt.grid.calls == []
