import datetime as dt
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from server import scheduler
from server.scheduler import Row, Scheduler
from server.storage.bell import Bell

SECONDS = 30


class FakeLeader:
    """Only the two things that the scheduler asks of a leader."""

    def __init__(self, leads: bool = True) -> None:
        self.leads = leads
        self.renewals = 0
        self.stepped_down = False

    def run_pass(self, now: dt.datetime) -> int:
        self.renewals += 1
        return int(self.leads and self.renewals == 1)

    def step_down(self, now: dt.datetime) -> None:
        self.stepped_down = True


class Work:
    """A pass that runs what it is given and says how much it moved."""

    def __init__(self, act: Callable[[], int] = lambda: 0) -> None:
        self.runs = 0
        self.act = act

    def run_pass(self, now: dt.datetime) -> int:
        self.runs += 1
        return self.act()


def clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Running:
    def __init__(self, folder: Path, rows: list[Row], leader: FakeLeader) -> None:
        self.stop = threading.Event()
        one = Scheduler(rows, leader, Bell(folder / "port"), clock)  # type: ignore[arg-type]
        self.thread = threading.Thread(target=one.run, args=(self.stop,))
        self.ringer = Bell(folder / "port")

    def __enter__(self) -> "Running":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(SECONDS)
        self.ringer.close()
        assert not self.thread.is_alive()


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_duty_runs_at_once_and_until_nothing_moves(tmp_path: Path) -> None:
    left = iter([3, 2, 1])
    work, after = Work(lambda: next(left, 0)), Work()
    with Running(tmp_path, [Row("a", 999, (work, after))], leader := FakeLeader()):
        wait_for(lambda: work.runs == 4)
        assert after.runs == 4
    assert leader.stepped_down


def test_a_ring_has_a_duty_done_now_and_only_that(tmp_path: Path) -> None:
    work, other = Work(), Work()
    with Running(tmp_path, [Row("a", 999, (work,)), Row("b", 999, (other,))], FakeLeader()) as running:
        wait_for(lambda: work.runs == 1 and other.runs == 1 and (tmp_path / "port").exists())
        running.ringer.ring("a")
        running.ringer.ring("no such duty")
        wait_for(lambda: work.runs == 2)
        assert other.runs == 1


def test_a_ring_that_comes_while_the_duty_runs_is_not_lost_and_none_pile_up(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def act() -> int:
        entered.set()
        go_on.wait(SECONDS)
        return 0

    work = Work(act)
    with Running(tmp_path, [Row("a", 999, (work,))], FakeLeader()) as running:
        assert entered.wait(SECONDS)
        wait_for(lambda: (tmp_path / "port").exists())
        for _ in range(20):
            running.ringer.ring("a")
        time.sleep(0.3)
        assert work.runs == 1, "one run at a time"
        go_on.set()
        wait_for(lambda: work.runs == 2)
        time.sleep(0.3)
        assert work.runs <= 3


def test_a_pass_that_fails_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outcomes = iter([RuntimeError("bug")])

    def act() -> int:
        if error := next(outcomes, None):
            raise error
        return 0

    work = Work(act)
    with Running(tmp_path, [Row("a", 0.1, (work,))], FakeLeader()):
        wait_for(lambda: work.runs >= 3)
    assert "the duty a failed" in caplog.text


def test_who_does_not_lead_does_nothing(tmp_path: Path) -> None:
    work, leader = Work(), FakeLeader(leads=False)
    with Running(tmp_path, [Row("a", 0.05, (work,))], leader):
        wait_for(lambda: leader.renewals >= 2)
    assert work.runs == 0
    assert not leader.stepped_down


def test_who_loses_the_lead_stops_in_the_middle_of_a_duty(tmp_path: Path) -> None:
    leader = FakeLeader()

    def act() -> int:
        leader.leads = False
        return 1

    work = Work(act)
    with Running(tmp_path, [Row("a", 999, (work,))], leader):
        wait_for(lambda: work.runs == 1)
        time.sleep(0.2)
    assert work.runs == 1


def test_stopping_waits_for_what_is_being_done(tmp_path: Path) -> None:
    entered, done = threading.Event(), threading.Event()

    def act() -> int:
        entered.set()
        time.sleep(0.5)
        done.set()
        return 1

    work = Work(act)
    with Running(tmp_path, [Row("a", 999, (work,))], FakeLeader()):
        assert entered.wait(SECONDS)
    assert done.is_set()
    assert work.runs == 1


class EndsWhenCleared(threading.Event):
    """The end comes at the worst moment: when a duty was just rung."""

    end: Callable[[], None]

    def clear(self) -> None:
        self.end()
        super().clear()


def test_an_end_that_comes_with_a_ring_is_not_missed() -> None:
    duty = scheduler._Duty(Row("a", 999, (Work(),)), clock, lambda: True)
    duty._due = due = EndsWhenCleared()
    due.end = duty.end
    duty.ring()
    duty.start()
    duty.join(SECONDS)
    assert not duty.is_alive()


def test_a_port_that_could_not_be_written_down_is_written_a_second_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([OSError("the disk is full")])
    announce = Bell.announce

    def fail_once(bell: Bell) -> None:
        if error := next(failures, None):
            raise error
        announce(bell)

    monkeypatch.setattr(Bell, "announce", fail_once)
    work = Work()
    with Running(tmp_path, [Row("a", 999, (work,))], FakeLeader()) as running:
        wait_for(lambda: work.runs == 1 and (tmp_path / "port").exists())
        running.ringer.ring("a")
        wait_for(lambda: work.runs == 2)
    assert "the disk is full" in caplog.text
