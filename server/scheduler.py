"""The scheduler process: one table of duties, each a few passes and a period. The only file that knows APScheduler.

A ring of the bell has a duty done at once; the periods are the safety net.
"""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


class _Duty(threading.Thread):
    """A row at work, in a thread of its own: one run at a time, and no ring is lost, however many come meanwhile.

    One thread for good, because each thread has a connection to the database of its own: opening one and preparing its
    statements anew took longer than what a round waits for.
    """

    def __init__(self, row: Row, clock: Callable[[], dt.datetime], may_run: Callable[[], bool]) -> None:
        super().__init__(name=row.name, daemon=True)
        self.row = row
        self._clock = clock
        self._may_run = may_run
        self._due = threading.Event()
        self._over = False

    def ring(self) -> None:
        """It is done now, or once more after what is being done."""
        self._due.set()

    def end(self) -> None:
        """What is being done is finished; `join` waits for that."""
        self._over = True
        self._due.set()

    def run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            # Looked at after the event is cleared: `end` sets it in the other order, and must not be missed.
            if self._over:
                return
            try:
                while self._may_run() and self._once():
                    pass
            except Exception:
                # A pass that fails must not end the duty: it is due again in a moment.
                _LOG.exception("the duty %s failed", self.row.name)

    def _once(self) -> int:
        return sum(one.run_pass(self._clock()) for one in self.row.passes)


class Scheduler:
    def __init__(
        self, table: Sequence[Row], leader: Leader, bell: Bell, clock: Callable[[], dt.datetime]
    ) -> None:
        self._leader = leader
        self._bell = bell
        self._clock = clock
        self._stopping = threading.Event()
        self._announced = False
        self._duties = {row.name: _Duty(row, clock, self._may_run) for row in table}
        self._timer = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2)},
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
            duty.start()
            self._timer.add_job(duty.ring, "interval", seconds=duty.row.every)
        self._timer.start()
        threading.Thread(target=self._answer, daemon=True).start()
        stop.wait()
        self._stopping.set()
        self._bell.close()
        self._timer.shutdown(wait=True)
        for duty in self._duties.values():
            duty.end()
        for duty in self._duties.values():
            duty.join()
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
            for duty in self._duties.values():
                duty.ring()
        self._announce(bool(began))

    def _announce(self, began: bool) -> None:
        """Tried again each second where the disk was full: unheard rings would cost every round a second."""
        if began:
            self._announced = False
        if self._leader.leads and not self._announced:
            try:
                self._bell.announce()
                self._announced = True
            except OSError:
                _LOG.exception("the bell's port could not be written down")

    def _answer(self) -> None:
        while not self._stopping.is_set():
            # Not through the timer: its queue would cost a round some milliseconds.
            duty = self._duties.get(self._bell.wait())
            if duty is not None:
                duty.ring()
