"""Linking by the device flow: who gets a token, when, how often, and who does not."""

import datetime as dt
import re
from typing import Any

import msgspec
import pytest

from server.domain import devices as devices_module
from server.domain import hosts as hosts_module
from server.domain import polling
from server.domain.code_collector import CodeCollector
from server.domain.devices import LASTS, Devices, NewLink
from server.domain.polling import INTERVAL
from server.errors import (
    AccountBlocked,
    HostTooOld,
    LinkDenied,
    LinkExpired,
    LinkPending,
    LinkTooFast,
    NotFound,
    TooManyTries,
    UnknownToken,
)
from server.rules.credit import THOUSANDTHS, amount_of
from server.rules.user_codes import ALPHABET
from server.storage.account_tables import Linking
from server.storage.tables import Host
from tests.support.domain_grid import MEMORY, Cast, DomainGrid
from volunteer.protocol.messages import DeviceRequest, Machine

MACHINE = Machine("Linux", "test", 2, MEMORY, "daig-volunteer 0.1.0", 1, 2)
HOME = "192.0.2.7"


class Linker:
    """A machine that wants to be linked; `poll` waits as long as it should."""

    def __init__(self, grid: DomainGrid, name: str = "attic", remote: str = HOME) -> None:
        self.grid = grid
        self.devices = Devices(grid.stores, "test grid")
        self.link = self.ask(name, remote)

    def ask(self, name: str = "attic", remote: str = HOME) -> NewLink:
        return self.devices.ask(DeviceRequest(name, MACHINE), remote, self.grid.now)

    def poll(self, seconds: float = INTERVAL) -> str:
        """The token."""
        self.grid.wait(seconds)
        return self.devices.poll(self.link.device_code, self.grid.now).token

    def approve(self, account: int) -> None:
        self.devices.approve(account, self.link.user_code, self.grid.now)


@pytest.fixture
def linker(grid: DomainGrid) -> Linker:
    return Linker(grid)


def test_a_machine_is_its_owners_host_once_the_code_is_confirmed(linker: Linker, owner: int, stranger: int) -> None:
    for _ in range(2):
        with pytest.raises(LinkPending):
            linker.poll()
    linker.approve(owner)
    token = linker.poll()
    host = linker.grid.hosts.by_token(token)
    assert (host.name, host.account_id, host.threads) == ("attic", owner, 2)
    assert linker.grid.hosts.list_for(stranger, linker.grid.now) == []
    assert linker.grid.hosts.numbers(host).account == "owner"


def test_codes_are_eight_letters_without_vowels_and_long_ones_cannot_be_guessed(linker: Linker) -> None:
    codes = {linker.ask().user_code for _ in range(20)}
    assert len(codes) == 20
    assert all(re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code) for code in codes)
    assert not set("AEIOUY") & set(ALPHABET)
    assert re.fullmatch(r"daigdevice_[\w-]{43}", linker.link.device_code)


@pytest.mark.parametrize("between", ["", "-", " – ", "  "])
def test_a_code_is_read_without_case_dash_and_spaces(linker: Linker, owner: int, between: str) -> None:
    typed = linker.link.user_code.lower().replace("-", between)
    linker.devices.approve(owner, f" {typed} ", linker.grid.now)
    assert linker.poll()


def test_what_waits_is_shown_as_the_machine_said_it_but_fit_for_a_page(grid: DomainGrid, owner: int) -> None:
    linker = Linker(grid, "at\u202etic\n")
    grid.wait(60)
    view = linker.devices.look(owner, linker.link.user_code, grid.now)
    assert (view.name, view.system, view.threads, view.remote) == ("at tic", "Linux", 2, HOME)
    assert view.seconds_left == LASTS.total_seconds() - 60


def test_nobody_knows_the_codes_from_the_database(linker: Linker, owner: int) -> None:
    linker.approve(owner)
    token = linker.poll()
    text = repr(linker.grid.dump())
    for secret in (linker.link.device_code, linker.link.user_code, linker.link.user_code.replace("-", ""), token):
        assert secret not in text


def test_the_short_code_opens_nothing_by_itself(linker: Linker, owner: int) -> None:
    """Who looks over somebody's shoulder cannot fetch the token."""
    linker.approve(owner)
    for code in (linker.link.user_code, linker.link.user_code.replace("-", ""), "", "daigdevice_" + "x" * 43):
        with pytest.raises(LinkExpired):
            linker.devices.poll(code, linker.grid.now)
    assert Host.select().count() == 0


def test_a_code_makes_one_host_also_when_the_answer_was_lost(linker: Linker, owner: int) -> None:
    linker.approve(owner)
    first, again = linker.poll(), linker.poll()
    assert Host.select().count() == 1
    with pytest.raises(UnknownToken):
        linker.grid.hosts.by_token(first)
    host = linker.grid.hosts.by_token(again)
    Cast(linker.grid, host.id).ask()
    with pytest.raises(LinkExpired):
        linker.poll()
    assert linker.grid.hosts.by_token(again).id == host.id


def test_a_host_that_was_detached_does_not_come_back_by_its_old_code(linker: Linker, owner: int) -> None:
    linker.approve(owner)
    host = linker.grid.hosts.by_token(linker.poll())
    linker.grid.hosts.leave(host, linker.grid.now)
    with pytest.raises(LinkExpired):
        linker.poll()


def test_a_code_lasts_for_a_quarter_of_an_hour(linker: Linker, owner: int) -> None:
    linker.grid.wait(LASTS.total_seconds())
    with pytest.raises(NotFound, match="new one"):
        linker.approve(owner)
    with pytest.raises(LinkExpired):
        linker.poll(0)
    linker.ask()
    assert Linking.select().count() == 1, "the old one is forgotten"


def test_codes_that_ran_out_are_forgotten_with_the_addresses_that_asked_for_them(linker: Linker) -> None:
    collector = CodeCollector(linker.grid.stores)
    assert collector.run_pass(linker.grid.now) == 0
    linker.grid.wait(LASTS.total_seconds())
    assert [collector.run_pass(linker.grid.now) for _ in range(2)] == [1, 0]
    assert HOME not in repr(linker.grid.dump())


def test_who_confirms_at_the_last_moment_has_still_linked_the_machine(linker: Linker, owner: int) -> None:
    linker.grid.wait(LASTS.total_seconds() - 1)
    linker.approve(owner)
    assert linker.poll(120)


def test_a_confirmed_code_is_not_open_for_ever(linker: Linker, owner: int) -> None:
    linker.approve(owner)
    with pytest.raises(LinkExpired):
        linker.poll(LASTS.total_seconds())


def test_a_code_that_was_denied_is_over(linker: Linker, owner: int, stranger: int) -> None:
    linker.devices.deny(owner, linker.link.user_code, linker.grid.now)
    with pytest.raises(LinkDenied):
        linker.poll()
    for account in (owner, stranger):
        with pytest.raises(NotFound):
            linker.approve(account)
    with pytest.raises(LinkDenied):
        linker.poll()


def test_a_code_that_somebody_confirmed_cannot_be_taken_over(linker: Linker, owner: int, stranger: int) -> None:
    linker.approve(owner)
    for answer in (linker.devices.approve, linker.devices.deny):
        with pytest.raises(NotFound):
            answer(stranger, linker.link.user_code, linker.grid.now)
    assert linker.grid.hosts.by_token(linker.poll()).account_id == owner
    with pytest.raises(NotFound, match="already"):
        linker.approve(owner)


@pytest.mark.parametrize("same", [True, False])
def test_of_two_who_confirm_at_once_one_is_first_and_the_other_is_told_in_words(
    linker: Linker, owner: int, stranger: int, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = linker.devices._find

    def find_and_be_overtaken(*arguments: Any) -> Linking:
        found = find(*arguments)
        monkeypatch.setattr(linker.devices, "_find", find)
        linker.approve(owner)
        return found

    monkeypatch.setattr(linker.devices, "_find", find_and_be_overtaken)
    with pytest.raises(NotFound, match="answered this code already" if same else "No machine waits"):
        linker.approve(owner if same else stranger)
    assert linker.grid.hosts.by_token(linker.poll()).account_id == owner


def test_who_asks_too_often_has_to_wait_five_seconds_longer_each_time(linker: Linker, owner: int) -> None:
    with pytest.raises(LinkPending):
        linker.poll()
    for seconds in (3, 5, 10):
        with pytest.raises(LinkTooFast):
            linker.poll(seconds)
    with pytest.raises(LinkTooFast):
        linker.poll(INTERVAL + 14)
    linker.approve(owner)
    assert linker.poll(INTERVAL + 20)


def test_the_interval_grows_to_a_minute_and_not_further(linker: Linker) -> None:
    with pytest.raises(LinkPending):
        linker.poll()
    for _ in range(20):
        with pytest.raises(LinkTooFast):
            linker.poll(2)
    with pytest.raises(LinkTooFast):
        linker.poll(50)
    with pytest.raises(LinkPending):
        linker.poll(60)


def test_while_the_person_thinks_nothing_asks_for_the_write_lock(
    linker: Linker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write() -> None:
        raise AssertionError("the write lock was taken")

    monkeypatch.setattr(linker.grid.stores.database, "write", write)
    with pytest.raises(LinkPending):
        linker.poll()
    with pytest.raises(LinkTooFast):
        linker.poll(0.5)
    with pytest.raises(LinkExpired):
        linker.devices.poll("rubbish", linker.grid.now)


def test_how_often_machines_ask_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch, grid: DomainGrid) -> None:
    monkeypatch.setattr(polling, "_MOST", 3)
    asked = polling.Polling()
    assert [asked.is_early(who, grid.now) for who in "abcd"] == [False] * 4
    assert [asked.is_early(who, grid.now) for who in "dcba"] == [True, True, True, False]


def test_an_account_may_not_try_many_codes(grid: DomainGrid, owner: int, stranger: int) -> None:
    linker = Linker(grid)
    for number in range(devices_module._MOST_GUESSES):
        with pytest.raises(NotFound):
            linker.devices.look(stranger, "BCDFGHJ" + ALPHABET[number], grid.now)
    for ask in (linker.devices.look, linker.devices.approve, linker.devices.deny):
        with pytest.raises(TooManyTries):
            ask(stranger, linker.link.user_code, grid.now)
    linker.approve(owner)
    grid.wait(LASTS.total_seconds() + 1)
    fresh = Linker(grid)
    fresh.approve(stranger)
    assert fresh.poll()


def test_looking_at_ones_own_machine_and_typing_too_few_letters_are_no_guesses(linker: Linker, owner: int) -> None:
    for _ in range(devices_module._MOST_GUESSES + 1):
        linker.devices.look(owner, linker.link.user_code, linker.grid.now)
        with pytest.raises(NotFound, match="eight letters"):
            linker.devices.look(owner, "BCDF", linker.grid.now)
    linker.approve(owner)


def test_one_address_may_not_ask_for_many_codes_but_others_still_may(grid: DomainGrid) -> None:
    devices = Devices(grid.stores, "test grid")

    def ask(remote: str) -> NewLink:
        return devices.ask(DeviceRequest("attic", MACHINE), remote, grid.now)

    for number in range(devices_module._MOST_FROM_ONE_ADDRESS):
        ask(f"2001:db8::{number:x}")
    with pytest.raises(TooManyTries):
        ask("2001:db8::ffff")
    ask("2001:db8:0:1::1")
    ask(HOME)
    grid.wait(LASTS.total_seconds() + 1)
    ask("2001:db8::ffff")


def test_all_together_may_not_fill_the_database(grid: DomainGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_module, "_MOST_IN_ALL", 3)
    devices = Devices(grid.stores, "test grid")
    for number in range(3):
        devices.ask(DeviceRequest("attic", MACHINE), f"192.0.2.{number}", grid.now)
    with pytest.raises(TooManyTries, match="Very many"):
        devices.ask(DeviceRequest("attic", MACHINE), HOME, grid.now)
    grid.wait(LASTS.total_seconds())
    devices.ask(DeviceRequest("attic", MACHINE), HOME, grid.now)
    assert Linking.select().count() == 1


def test_an_account_that_was_blocked_meanwhile_gets_no_host(linker: Linker, owner: int) -> None:
    linker.approve(owner)
    with linker.grid.stores.database.write():
        linker.grid.stores.accounts.change(owner, blocked_at=linker.grid.now)
    with pytest.raises(AccountBlocked):
        linker.poll()
    assert Host.select().count() == 0


def test_a_program_that_is_too_old_gets_no_code(grid: DomainGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_module, "OLDEST_PROTOCOL", 2)
    with pytest.raises(HostTooOld, match="install"):
        Linker(grid)
    monkeypatch.undo()
    old = msgspec.structs.replace(MACHINE, numerics=1)
    with pytest.raises(HostTooOld):
        Devices(grid.stores, "").ask(DeviceRequest("attic", old), HOME, grid.now)


def test_a_host_reads_its_numbers_also_of_deleted_projects(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=40, k=3)
    operations = grid.row(project).operations
    for _ in range(2):
        steady.deliver(steady.lease())
        grid.rounds()
    numbers = grid.hosts.numbers(steady.row)
    assert (numbers.name, numbers.account) == ("steady", "operator")
    assert (numbers.units, numbers.mini_batches) == (2, 6)
    earned = amount_of(operations, 3) * 2 / THOUSANDTHS
    assert numbers.credit == int(earned)
    grid.projects.delete(owner, project, grid.now)
    assert grid.hosts.numbers(steady.row) == numbers
    (view,) = grid.hosts.list_for(steady.row.account_id, grid.now)
    assert (view.valid_results, view.mini_batches, view.credit) == (2, 6, earned)


def test_a_host_that_detaches_itself_is_nobody_and_its_work_goes_to_another(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast
) -> None:
    grid.project(owner, examples=12, k=3, epochs=1)
    lease = steady.lease()
    grid.hosts.leave(steady.row, grid.now)
    assert slow.lease().mini_batches == lease.mini_batches
    assert [view.name for view in grid.hosts.list_for(steady.row.account_id, grid.now)] == ["slow"]


def test_the_instants_are_those_of_the_grids_clock(linker: Linker) -> None:
    row = Linking.get()
    assert row.expires_at - row.created_at == LASTS == dt.timedelta(minutes=15)
    assert row.created_at == linker.grid.now
