"""What this host has done, for its owner to look at: units of today by the local calendar, and the grid's credit."""

import contextlib
import json
import logging
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from volunteer.agent.ports import Grid
from volunteer.errors import VolunteerError
from volunteer.private_files import write_private

# The grid is asked at most so often; credit is nothing that a second matters for.
ASK_EVERY_SECONDS = 300.0
# But whoever has just begun wants to see that it counts.
ASK_AFTER_FIRST_SECONDS = 30.0
# Many units a second are nothing unusual, and to keep a number costs as much as a small one.
KEEP_EVERY_SECONDS = 10.0
_log = logging.getLogger(__name__)


class Numbers:
    """Outlives the process in a small file; one that cannot be read counts from zero. For several threads at once."""

    def __init__(self, path: Path, today: Callable[[], date], clock: Callable[[], float]) -> None:
        self._path = path
        self._today = today
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._ask_soon: float | None = None
        self._first = True
        self._kept = clock() - KEEP_EVERY_SECONDS
        self._unkept = False
        self._day, self._units, self._credit = self._load()

    @property
    def units_today(self) -> int:
        return self._units if self._day == self._today() else 0

    @property
    def credit(self) -> int | None:
        """As the grid last said; None when it never did."""
        return self._credit

    def count_unit(self) -> None:
        """One more unit was delivered."""
        with self._lock:
            today = self._today()
            self._units = self._units + 1 if self._day == today else 1
            self._day = today
            self._unkept = True
            if self._first:
                self._first, self._ask_soon = False, self._clock() + ASK_AFTER_FIRST_SECONDS
            if self._clock() - self._kept >= KEEP_EVERY_SECONDS:
                self._save()

    def keep(self) -> None:
        """Have it all on disk."""
        with self._lock:
            if self._unkept:
                self._save()

    def forget_credit(self) -> None:
        """It was another grid's."""
        with self._lock:
            self._credit, self._asked = None, None
            self._ask_soon, self._first = None, True
            self._save()

    def ask(self, grid: Grid) -> None:
        """Have the grid say the credit, if it was not asked lately. A grid that does not say changes nothing."""
        now = self._clock()
        soon = self._ask_soon is not None and now >= self._ask_soon
        if self._asked is not None and now - self._asked < ASK_EVERY_SECONDS and not soon:
            return
        self._asked = now
        if soon:
            self._ask_soon = None
        try:
            credit = int(grid.numbers().credit)
        except VolunteerError as error:
            _log.debug("the grid does not say this host's credit: %s", error.sentence)
            return
        with self._lock:
            if credit != self._credit:
                self._credit = credit
                self._save()

    def _load(self) -> tuple[date | None, int, int | None]:
        try:
            values = json.loads(self._path.read_text("utf-8"))
            credit = values["credit"]
            return date.fromisoformat(values["day"]), int(values["units"]), None if credit is None else int(credit)
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None, 0, None

    def _save(self) -> None:
        self._kept, self._unkept = self._clock(), False
        values = {"day": (self._day or self._today()).isoformat(), "units": self._units, "credit": self._credit}
        # A number on a screen is not worth an error.
        with contextlib.suppress(OSError):
            write_private(self._path, json.dumps(values))
