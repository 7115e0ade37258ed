"""How many machines of one account may join within an hour, by whatever way."""

import pytest

from server.domain.devices import Devices
from server.domain.hosts import Hosts
from server.errors import TooManyTries
from server.rules.admission import Admission
from server.storage.account_tables import JoinKey
from server.storage.tables import Host
from tests.support.domain_grid import MEMORY, DomainGrid
from volunteer.protocol.messages import AttachRequest, DeviceRequest, Machine

MACHINE = Machine("Linux", "test", 2, MEMORY, "0.1.0", 1, 2)
SLOW = Admission(join_rate=2)


@pytest.fixture
def hosts(grid: DomainGrid) -> Hosts:
    return Hosts(grid.stores, "test grid", admission=SLOW)


def test_what_is_over_the_rate_is_refused_and_uses_up_nothing_of_the_key(
    grid: DomainGrid, owner: int, stranger: int, hosts: Hosts
) -> None:
    key = grid.join_keys.create(owner, "lab", 5, 24, grid.now)
    for name in ("a", "b"):
        hosts.attach(AttachRequest(key, name, MACHINE), grid.now)
    with pytest.raises(TooManyTries, match="2 machines"):
        hosts.attach(AttachRequest(key, "c", MACHINE), grid.now)
    assert JoinKey.get().uses_left == 3
    other = grid.join_keys.create(stranger, "home", 1, 24, grid.now)
    hosts.attach(AttachRequest(other, "d", MACHINE), grid.now)
    grid.wait(3601)
    hosts.attach(AttachRequest(key, "c", MACHINE), grid.now)


def test_who_detaches_gains_nothing_and_who_asks_again_for_a_lost_answer_loses_nothing(
    grid: DomainGrid, owner: int, hosts: Hosts
) -> None:
    key = grid.join_keys.create(owner, "lab", 5, 24, grid.now)
    first = hosts.attach(AttachRequest(key, "a", MACHINE, nonce="1"), grid.now)
    hosts.attach(AttachRequest(key, "b", MACHINE, nonce="2"), grid.now)
    assert hosts.attach(AttachRequest(key, "a", MACHINE, nonce="1"), grid.now).host == first.host
    hosts.detach(owner, int(first.host), grid.now)
    with pytest.raises(TooManyTries):
        hosts.attach(AttachRequest(key, "c", MACHINE, nonce="3"), grid.now)


def test_machines_that_are_linked_count_as_well_those_on_their_way_too(
    grid: DomainGrid, owner: int, hosts: Hosts
) -> None:
    devices = Devices(grid.stores, "test grid", SLOW)
    links = [devices.ask(DeviceRequest(name, MACHINE), "here", grid.now) for name in ("a", "b", "c")]
    for link in links[:2]:
        devices.approve(owner, link.user_code, grid.now)
    with pytest.raises(TooManyTries):
        devices.approve(owner, links[2].user_code, grid.now)
    devices.poll(links[0].device_code, grid.now)
    with pytest.raises(TooManyTries):
        devices.approve(owner, links[2].user_code, grid.now)
    devices.poll(links[1].device_code, grid.now)
    assert Host.select().count() == 2
