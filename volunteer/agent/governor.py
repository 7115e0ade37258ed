"""May this host work now? The person's pause, and the preferences as the sensors stand, taken together."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from volunteer.agent.brake import Hold
from volunteer.preferences.pausing import Pause, PauseFile, paused

_log = logging.getLogger(__name__)


class Reason(Protocol):
    """Why a preference keeps the host from working."""

    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True)
class Standing:
    """What holds at one instant. `turn` tells it from one before the person's last word."""

    hold: Hold = Hold.none
    pause: Pause | None = None
    reasons: tuple[str, ...] = ()
    turn: int = 0


class Governor:
    """For several threads at once. The pause is read once and kept here: nobody else writes that file."""

    def __init__(
        self, pauses: PauseFile, why_not: Callable[[datetime], Sequence[Reason]], now: Callable[[], datetime]
    ) -> None:
        """`why_not` reads sensors and applies the preferences; `now` knows its time zone."""
        self._pauses = pauses
        self._why_not = why_not
        self._now = now
        self._lock = threading.Lock()
        self._keeping = threading.Lock()
        self._turn = 0
        self._after_unit = False
        self._reasons: tuple[str, ...] = ()
        self._sensors_failed = False
        self._pause = pauses.load()

    @property
    def turn(self) -> int:
        return self._turn

    def look(self) -> Standing:
        """A pause whose end has come is over for good. While the person pauses no sensor is read, unless a unit may
        still be finished: the preferences hold that one too."""
        now = self._now()
        with self._lock:
            over = self._pause is not None and self._pause.over(now)
            if over:
                _log.info("the pause is over")
                self._set(None, False)
            turn, pause, after_unit = self._turn, self._pause, self._after_unit
        if over:
            self._keep()
        keeps_still = pause is not None and not after_unit
        return _standing(turn, pause, after_unit, () if keeps_still else self._read(now))

    def pause(
        self, until: datetime | None, after_unit: bool, at_once: Callable[[Standing], None] = lambda _standing: None
    ) -> None:
        """The person wants it to stop, for ever or until then; not started stays not started. `at_once` hears what
        holds now, by the last look, before that is written down: a busy disk may take its time."""
        with self._lock:
            # Whoever is paused at once already would begin to work by "finish this unit".
            keeps_still = self._pause is not None and not self._after_unit
            self._set(paused(self._pause, until), after_unit and not keeps_still)
            standing = _standing(self._turn, self._pause, self._after_unit, self._reasons)
        at_once(standing)
        self._keep()

    def not_started(self) -> None:
        """Nobody has said go yet. A pause that there is already stays, unless it would end by itself."""
        with self._lock:
            if self._pause is None or self._pause.until is not None:
                self._set(Pause(None, "not_started"), False)
        self._keep()

    def resume(self) -> None:
        """The person wants it to go on, as far as the preferences let it."""
        with self._lock:
            self._set(None, False)
        self._keep()

    def _set(self, pause: Pause | None, after_unit: bool) -> None:
        self._turn += 1
        self._pause, self._after_unit = pause, after_unit

    def _keep(self) -> None:
        """Have on disk what was said last, whoever said it."""
        with self._keeping:
            pause = self._pause
            try:
                if pause is None:
                    self._pauses.clear()
                else:
                    self._pauses.save(pause)
            except OSError as error:
                # It counts all the same, until this program ends.
                _log.warning("the pause cannot be kept on disk: %s", error.strerror)

    def _read(self, now: datetime) -> tuple[str, ...]:
        try:
            self._reasons = tuple(reason.sentence for reason in self._why_not(now))
            self._sensors_failed = False
        except Exception:
            # What held a second ago still holds: a broken sensor neither stops a host nor sets it going.
            if not self._sensors_failed:
                _log.exception("the sensors of this machine cannot be read")
            self._sensors_failed = True
        return self._reasons


def _standing(turn: int, pause: Pause | None, after_unit: bool, reasons: tuple[str, ...]) -> Standing:
    """The preferences count where there is no pause, and for a unit that is finished before one."""
    if pause is not None and not after_unit:
        return Standing(Hold.now, pause, (), turn)
    if reasons:
        return Standing(Hold.now, pause, reasons, turn)
    return Standing(Hold.none if pause is None else Hold.after_unit, pause, (), turn)
