"""Pausing, resuming and quitting a real host at work: the processor is free within a second, and no work is lost."""

import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.support.cast import Cast
from tests.support.digits import slow_network
from tests.support.grid import wait_for
from tests.support.ledger import Ledger
from tests.support.volunteer import RunningVolunteer
from volunteer.control.messages import Activity, PauseRequest, QuitRequest, ResumeRequest

pytestmark = [pytest.mark.faults]
FORM = {"k": "40", "batch_size": "32", "report_deadline": "60", "epochs": "100"}
MOST_RESIDENT = 80 * 2**20
MOST_OF_A_CORE = 0.005


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with Cast(tmp_path_factory.mktemp("pausing")) as everyone:
        yield everyone


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _end_of(ledger: Ledger, result: int) -> tuple[Any, ...]:
    return ledger.rows("SELECT state, delivered, size FROM result WHERE id = ?", result)[0]


def test_a_pause_frees_the_processor_within_a_second_keeps_what_is_done_and_a_resume_goes_on(stage: Cast) -> None:
    project = stage.digits_project(slow_network(), FORM)
    ledger = Ledger(stage.grid.data)
    host = stage.host("pausing", "--cpu-percent", "30")
    result = wait_for(ledger.halfway, 90, stage.explain, every=0.02)
    child = host.child()
    assert child is not None
    host.app().ask(PauseRequest())
    time.sleep(1.0)
    used = _used(child)
    assert host.becomes(Activity.paused).pause_why == "person"
    time.sleep(2.0)
    assert _used(child) == used
    assert child.status() == psutil.STATUS_STOPPED
    asked = ledger.one("SELECT COUNT(*) FROM result")
    state, delivered, size = wait_for(
        lambda: end if (end := _end_of(ledger, result))[0] != "leased" else None, 10, stage.explain
    )
    print(f"the unit of the pause: {state}, {delivered} of {size} mini-batches")
    assert state in ("reported", "valid")
    assert 0 < delivered <= size
    # A pause outlives the program; nothing is asked for while it lasts.
    started = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - started < 5
    host.start()
    assert host.becomes(Activity.paused).paused_until is None
    _require_light(host, 3.0)
    assert ledger.one("SELECT COUNT(*) FROM result") == asked
    host.app().ask(ResumeRequest())
    host.becomes(Activity.training)
    _quit_within_five_seconds(host)
    stage.owner.act(project, "delete")
    stage.audit()


def _quit_within_five_seconds(host: RunningVolunteer) -> None:
    started = time.monotonic()
    host.app().ask(QuitRequest())
    assert host.process.wait(10) == 0
    took = time.monotonic() - started
    print(f"{host.name} quit in {took:.2f} s")
    assert took < 5


@pytest.mark.long
def test_quitting_in_the_middle_of_a_paused_unit_gives_it_back_within_five_seconds(stage: Cast) -> None:
    # Each mini-batch takes many seconds of rest: the unit cannot end before the trainer is stopped where it is.
    project = stage.digits_project(slow_network(), {**FORM, "k": "1", "batch_size": "512"})
    ledger = Ledger(stage.grid.data)
    host = stage.host("quitting")
    host.becomes(Activity.training)
    host.app().ask(PauseRequest())
    time.sleep(1.0)
    host.becomes(Activity.paused)
    _quit_within_five_seconds(host)
    assert ledger.one("SELECT COUNT(*) FROM result WHERE state = 'leased'") == 0
    stage.owner.act(project, "delete")
    stage.audit()


@pytest.mark.long
def test_an_idle_host_is_light(stage: Cast) -> None:
    host = stage.host("idle")
    host.becomes(Activity.waiting_for_work)
    _require_light(host, 20.0)
    assert host.stop() == 0


def _require_light(host: RunningVolunteer, seconds: float) -> None:
    core = psutil.Process(host.process.pid)
    before, started = _used(core), time.monotonic()
    time.sleep(seconds)
    # The system counts in hundredths of a second.
    share = max(0.0, _used(core) - before - 0.01) / (time.monotonic() - started)
    resident = core.memory_info().rss
    print(f"{host.name}: {resident / 2**20:.0f} MiB resident, {100 * share:.2f} % of a core")
    assert resident < MOST_RESIDENT
    assert share <= MOST_OF_A_CORE
    assert host.child() is None


@pytest.mark.long
def test_finish_this_unit_then_pause_brings_the_unit_whole(stage: Cast) -> None:
    project = stage.digits_project(slow_network(), FORM)
    ledger = Ledger(stage.grid.data)
    host = stage.host("finishing", "--cpu-percent", "30")
    host.becomes(Activity.training)
    result = wait_for(ledger.halfway, 90, stage.explain, every=0.02)
    host.app().ask(PauseRequest(after_unit=True))
    host.becomes(Activity.paused)
    state, delivered, size = _end_of(ledger, result)
    assert state in ("reported", "valid", "unneeded")
    assert delivered == size
    _quit_within_five_seconds(host)
    stage.owner.act(project, "delete")
