"""Hosts that vanish, hosts that are asked to stop, and a server that is away: a delay, and nothing more."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest

from tests.support.by_hand import HostByHand
from tests.support.cast import Cast
from tests.support.digits import slow_network, small_cnn
from tests.support.grid import wait_for
from tests.support.ledger import Ledger
from tests.support.volunteer import RunningVolunteer
from volunteer.control.messages import Activity

pytestmark = [pytest.mark.faults]
FORM = {"k": "16", "batch_size": "16", "report_deadline": "60"}


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with Cast(tmp_path_factory.mktemp("leaving")) as everyone:
        yield everyone


@pytest.fixture
def stage(theatre: Cast) -> Iterator[Cast]:
    """One grid for all tests of this file; each brings a project and hosts of its own, and they go with it."""
    yield theatre
    for host in theatre.hosts.values():
        host.kill()
    theatre.hosts.clear()
    for (project,) in Ledger(theatre.grid.data).rows("SELECT id FROM project"):
        theatre.owner.act(project, "delete")


def _state(ledger: Ledger, result: int) -> tuple[Any, ...]:
    return ledger.rows("SELECT state, size, delivered, ended_at, sentence FROM result WHERE id = ?", result)[0]


def _busy(cast: Cast, name: str, after: float = 1.0) -> int:
    """A result that the host of that name has been computing for a while."""
    ledger = Ledger(cast.grid.data)

    def found() -> int | None:
        lease = ledger.lease_of(name)
        age = ledger.one("SELECT ? - leased_at FROM result WHERE id = ?", time.time(), lease[0]) if lease else 0.0
        return lease[0] if lease and age > after else None

    return wait_for(found, 90, cast.explain, every=0.05)  # type: ignore[no-any-return]


def test_a_ghost_delays_its_round_by_its_lease_at_most_and_others_go_on(stage: Cast) -> None:
    project = stage.digits_project(small_cnn(), {**FORM, "epochs": "3"})
    ledger = Ledger(stage.grid.data)
    ghost, steady = stage.host("ghost", "--cpu-percent", "2"), stage.host("steady", "--cpu-percent", "30")
    result = _busy(stage, "ghost")
    _busy(stage, "steady", 0)
    round_, used = ledger.rows("SELECT number, used FROM round ORDER BY number DESC LIMIT 1")[0]
    deadline, silent = ledger.rows("SELECT deadline, silent_at FROM result WHERE id = ?", result)[0]
    ghost.kill()
    killed = time.time()
    ledger.wait_for_rounds(project, round_ + 1, deadline - killed, stage.explain)
    print(f"round {round_} with {used} of 16 mini-batches closed {time.time() - killed:.1f} s after its ghost vanished")
    wait_for(lambda: _state(ledger, result)[0] != "leased", 20, stage.explain)
    state, _, _, ended_at, sentence = _state(ledger, result)
    # Lost by its silence, or cancelled because the round closed without it: in either case soon.
    assert (state, sentence) in {
        ("lost", "Three heartbeats were missed."), ("cancelled", "The round has closed."),
        ("cancelled", "Another host was first."),
    }  # fmt: skip
    # One more heartbeat may have been on its way.
    assert ended_at <= silent + 8
    stage.finished(project, 120)
    stage.audit()
    ledger.require_each_mini_batch_once_an_epoch(project, 3)
    assert steady.stop() == 0


def test_sigterm_in_the_middle_of_a_unit_delivers_what_is_done_or_gives_it_back_within_5_seconds(stage: Cast) -> None:
    project = stage.digits_project(slow_network(), {**FORM, "epochs": "3", "batch_size": "32", "k": "40"})
    ledger = Ledger(stage.grid.data)
    ends: dict[str, tuple[str, int, int]] = {}
    for name, percent in (("leaver", "10"), ("early leaver", "10")):
        host = stage.host(name, "--cpu-percent", percent)
        result = _busy(stage, name, 0.2)
        if name == "leaver":
            result = wait_for(ledger.halfway, 60, stage.explain, every=0.02)
        started = time.monotonic()
        assert host.stop() == 0
        took = time.monotonic() - started
        state, size, delivered, _, _ = _state(ledger, result)
        ends[name] = (state, delivered, size)
        print(f"{name}: {state}, {delivered} of {size} mini-batches, after {took:.1f} s")
        assert took < 5
    assert ends["leaver"][0] in ("reported", "valid")
    assert 0 < ends["leaver"][1] < ends["leaver"][2]
    assert ends["early leaver"][0] == "given_back"
    quick = stage.host("quick")
    stage.finished(project, 120)
    stage.audit()
    ledger.require_each_mini_batch_once_an_epoch(project, 3)
    quick.stop()


def _held(cast: Cast, host: RunningVolunteer) -> tuple[int, psutil.Process]:
    """A result in the middle of its computation, and the trainer that is stopped there until it is told to go on."""
    ledger = Ledger(cast.grid.data)

    def found() -> tuple[int, psutil.Process] | None:
        host.becomes(Activity.training)
        lease, child = ledger.lease_of(host.name), host.child()
        if lease is None or child is None:
            return None
        child.suspend()
        # What it had just finished may be on its way: that one is not held.
        time.sleep(0.5)
        if _state(ledger, lease[0])[0] == "leased":
            return lease[0], child
        child.resume()
        return None

    return wait_for(found, 90, cast.explain)  # type: ignore[no-any-return]


def test_a_server_that_is_away_is_waited_for_and_gets_what_was_computed_meanwhile(stage: Cast) -> None:
    project = stage.digits_project(slow_network(), {**FORM, "epochs": "1", "k": "6"})
    ledger = Ledger(stage.grid.data)
    by_hand = HostByHand(stage.grid.address, stage.lender.join_key(), "by hand")
    lease = by_hand.lease()
    body = by_hand.gradient(lease, np.ones).encode()
    waiting, leaving = stage.host("waiting", "--cpu-percent", "30"), stage.host("leaving", "--cpu-percent", "30")
    # Both have all that they need for their units when the server goes, and neither has delivered.
    (first, one), (second, other) = _held(stage, waiting), _held(stage, leaving)
    before = ledger.promises(project)
    assert by_hand.upload(lease["result"], body).json()["verdict"] in ("pending", "valid")
    stage.grid.kill()
    for child in (one, other):
        child.resume()
    spools = [host.home / "state" for host in (waiting, leaving)]
    for spool in spools:
        wait_for(lambda spool=spool: list(spool.glob("*/gradients/*.*")), 90, stage.explain)
    # One host waits through the downtime; the other ends meanwhile, and comes back after it.
    leaving.stop()
    assert list(spools[1].glob("*/gradients/*.*")), "an undelivered gradient must outlive its host"
    time.sleep(3)
    assert waiting.process.poll() is None
    stage.grid.start()
    leaving.start()
    # What was acknowledged before the kill has its verdict after it, and a repeated upload gets that again.
    wait_for(lambda: _state(ledger, int(lease["result"]))[0] == "valid", 90, stage.explain)
    assert by_hand.upload(lease["result"], body).json()["verdict"] == "valid"
    for result in (first, second):
        wait_for(lambda result=result: _state(ledger, result)[0] in ("valid", "unneeded"), 60, stage.explain)
    for spool in spools:
        wait_for(lambda spool=spool: not list(spool.glob("*/gradients/*.*")), 90, stage.explain)
    stage.finished(project, 120)
    before.require_kept(ledger.promises(project))
    stage.audit()
    ledger.require_each_mini_batch_once_an_epoch(project, 1)


@pytest.mark.long
def test_a_machine_that_sleeps_for_longer_than_its_lease_is_not_waited_for_and_works_on_when_it_wakes(
    stage: Cast,
) -> None:
    project = stage.digits_project(slow_network(), {**FORM, "epochs": "40", "batch_size": "32", "k": "40"})
    ledger = Ledger(stage.grid.data)
    sleeper = stage.host("sleeper", "--cpu-percent", "10")
    result = wait_for(ledger.halfway, 90, stage.explain, every=0.02)
    (unit,) = ledger.rows("SELECT unit_id FROM result WHERE id = ?", result)[0]
    machine = psutil.Process(sleeper.process.pid)
    everything = [machine, *machine.children(recursive=True)]
    for one in everything:
        one.suspend()
    slept = time.time()
    wait_for(lambda: _state(ledger, result)[0] == "lost", 100, stage.explain)
    stage.host("quick")
    issued = "SELECT id FROM result WHERE unit_id = ? AND id != ? AND state IN ('reported', 'valid')"
    wait_for(lambda: ledger.rows(issued, unit, result), 60, stage.explain)
    for one in everything:
        one.resume()
    woke = time.time()
    print(f"slept for {woke - slept:.0f} s; its unit went to another host")
    host = ledger.one("SELECT id FROM host WHERE name = 'sleeper'")
    later = "SELECT id FROM result WHERE host_id = ? AND leased_at > ? AND state = 'valid'"
    # On a busy machine the quick host has most of the mini-batches before the sleeper's next result is there.
    wait_for(lambda: ledger.rows(later, host, woke), 200, stage.explain)
    assert _state(ledger, result)[0] in ("lost", "cancelled", "unneeded"), "what came too late was not counted"
    assert sleeper.process.poll() is None
    stage.owner.act(project, "cancel")
    stage.audit()
