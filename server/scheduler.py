"""The scheduler process: one table of duties, each a few passes and a period. The only file that knows APScheduler.

A ring of the bell has a duty done at once; the periods are the safety net.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from server.domain.leader import Leader
from server.storage.bell import Bell

_LOG = logging.getLogger(__name__)


class Pass(Protocol):
    """Does what is due and says how much it moved."""

    def run_pass(self, now: dt.datetime) -> int: ...


@dataclass(frozen=True)
class Row:
    """One line of the table of duties: `every` is in seconds; the passes run in this order until nothing moves."""

    name: str
    every: float
    passes: Sequence[Pass]


@dataclass
class _Duty:
    """A row at work: one run at a time, at most one more waiting, so that no ring is lost and none piles up."""

    row: Row
    clock: Callable[[], dt.datetime]
    may_run: Callable[[], bool]
    _running: threading.Lock = field(default_factory=threading.Lock)
    _waiting: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        if not self._waiting.acquire(blocking=False):
            return
        with self._running:
            self._waiting.release()
            try:
                while self.may_run() and self._once():
                    pass
            except Exception:
                # A pass that fails must not end the duty: it is due again in a moment.
                _LOG.exception("the duty %s failed", self.row.name)

    def _once(self) -> int:
        return sum(one.run_pass(self.clock()) for one in self.row.passes)


class Scheduler:
    def __init__(
        self, table: Sequence[Row], leader: Leader, bell: Bell, clock: Callable[[], dt.datetime]
    ) -> None:
        self._leader = leader
        self._bell = bell
        self._clock = clock
        self._stopping = threading.Event()
        self._duties = {row.name: _Duty(row, clock, self._may_run) for row in table}
        self._timer = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2 * len(self._duties) + 2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=dt.UTC,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is being done then is finished."""
        # It is normal that a duty still runs when it is due again; the library would warn each time.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._bell.listen()
        self._lead()
        self._timer.add_job(self._lead, "interval", seconds=1)
        for duty in self._duties.values():
            self._timer.add_job(duty.run, "interval", seconds=duty.row.every, next_run_time=self._clock())
        self._timer.start()
        threading.Thread(target=self._answer, daemon=True).start()
        stop.wait()
        self._stopping.set()
        self._bell.close()
        self._timer.shutdown(wait=True)
        if self._leader.leads:
            self._leader.step_down(self._clock())

    def _may_run(self) -> bool:
        return self._leader.leads and not self._stopping.is_set()

    def _lead(self) -> None:
        try:
            began = self._leader.run_pass(self._clock())
        except Exception:
            _LOG.exception("the lease could not be renewed")
            return
        if began:
            self._bell.announce()
            for name in self._duties if self._timer.running else ():
                self._do_now(name)

    def _answer(self) -> None:
        while not self._stopping.is_set():
            self._do_now(self._bell.wait())

    def _do_now(self, name: str) -> None:
        duty = self._duties.get(name)
        if duty is not None and not self._stopping.is_set():
            # Not through the timer: its queue would cost a round some milliseconds.
            threading.Thread(target=duty.run, name=name, daemon=True).start()
