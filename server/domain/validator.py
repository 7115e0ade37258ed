"""The pass that judges reported results. The verdict, the use of the mini-batches and the round's count are one step.

First each result by itself: it counts at once where its host is believed, else it is held until others have spoken of
its unit. Then each unit of which enough have spoken. Form, sizes and counts were checked on arrival.
"""

import collections
import datetime as dt
import logging
from collections.abc import Callable

from server.domain.action_log import ActionLog
from server.domain.going_back import GoingBack
from server.domain.judge import Judge, Ruling
from server.domain.looking import Look, Looking
from server.domain.notices import Notices
from server.domain.plans import Plans
from server.domain.ports import Ring
from server.domain.quarantine import Quarantine
from server.domain.rejecting import Rejecting
from server.domain.secrets import check_secret
from server.domain.settling import Settling
from server.domain.taking_in import OTHER_CLASS, TakingIn, opinions_needed
from server.domain.verdicts import Verdicts
from server.errors import NotFound, SomebodyElseWasFirst
from server.rules.states import AuditState
from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Result, Unit

_LOG = logging.getLogger(__name__)
_MOST_AT_ONCE = 64
_LATE_AT_ONCE = 4
_MOST_TRIES = 20
UNJUDGED = "The server could not judge it."
ADRIFT = "No other host could be asked about it."


class Validator:
    def __init__(
        self, stores: Stores, plans: Plans, notices: Notices, ring: Ring, policy: ValidationPolicy = BELIEVES_ALL
    ) -> None:
        self._stores = stores
        self._ring = ring
        self._policy = policy
        self._tries: collections.Counter[int] = collections.Counter()
        secret = check_secret(stores)
        self._verdicts = Verdicts(stores, plans)
        self._looking = Looking(stores, plans, self._policy, secret)
        quarantine = Quarantine(stores, plans, notices)
        rejecting = Rejecting(stores, notices, quarantine, policy)
        self._taking_in = TakingIn(stores, self._verdicts, rejecting, policy, secret)
        self._judge = Judge(stores, plans, policy)
        self._settling = Settling(
            stores, self._verdicts, quarantine, GoingBack(stores, self._verdicts, ActionLog(stores)), notices, policy,
        )  # fmt: skip

    def run_pass(self, now: dt.datetime) -> int:
        """Judge what was reported; how many results and units moved."""
        moved = self._take_in(True, _MOST_AT_ONCE, now) + self._settle(now)
        if moved:
            self._ring("closings")
        # A round may close before what is no use to it is even read.
        late = self._take_in(False, _LATE_AT_ONCE, now)
        if moved or late:
            self._ring("checks")
        return moved + late

    def _take_in(self, waited_for: bool, most: int, now: dt.datetime) -> int:
        reported = self._stores.work.oldest_reported(most, waited_for)
        found = [(result, self._look(result)) for result in reported]
        if not found:
            return 0
        with self._stores.database.write():
            # One commit for all; each is a step of its own inside it.
            return sum(self._try(result, look, now) for result, look in found)

    def _look(self, result: Result) -> Look | None:
        """None for what cannot be judged. What fails for the store's sake is looked at again."""
        try:
            return self._looking.at(result)
        except (NotFound, ValueError, ArithmeticError):
            _LOG.exception("result %d could not be looked at", result.id)
            return None

    def _try(self, result: Result, look: Look | None, now: dt.datetime) -> int:
        try:
            with self._stores.database.write():
                if look is None:
                    self._stores.work.give_up(result, UNJUDGED)
                else:
                    self._taking_in.take(result, look, now)
        except (SomebodyElseWasFirst, NotFound):
            _LOG.info("result %d was judged by somebody else, or its project was deleted", result.id)
            return 0
        except Exception:
            # It would stand first in the queue for ever, and nobody's results would be judged.
            _LOG.exception("result %d could not be judged", result.id)
            with self._stores.database.write():
                self._stores.work.give_up(result, UNJUDGED)
        return 1

    def _settle(self, now: dt.datetime) -> int:
        strangers = self._stores.opinions.of_another_kind()
        parted = self._each(lambda: self._part(strangers, now)) if strangers else 0
        settled = parted + sum(self._settle_one(unit, now) for unit in self._stores.opinions.units_to_settle())
        adrift = self._stores.opinions.adrift()
        if adrift:
            settled += self._each(lambda: self._let_go(adrift, now))
        return settled

    def _settle_one(self, unit: Unit, now: dt.datetime) -> int:
        """Read outside any transaction; what was decided holds only if nothing has changed since."""
        try:
            project = self._stores.projects.by_id(unit.project_id)
            ruling = self._judge.ruling(unit, project, opinions_needed(self._policy, project))
            return self._each(lambda: self._carry_out(unit, ruling, now))
        except NotFound:
            return 0
        except Exception:
            self._tries[unit.id] += 1
            _LOG.exception("unit %d could not be judged, %d times now", unit.id, self._tries[unit.id])
            if self._tries[unit.id] < _MOST_TRIES:
                # A full disk or a locked database passes, and a check must not be lost by that.
                return 0
            del self._tries[unit.id]
            return self._each(lambda: self._carry_out(unit, None, now))

    def _carry_out(self, unit: Unit, ruling: Ruling | None, now: dt.datetime) -> int:
        if ruling is not None:
            return self._settling.carry_out(ruling, now)
        # What would have to be read is not there any more, or cannot be: it would be looked at for ever.
        unit = self._stores.work.unit(unit.id)
        self._stores.opinions.end_search(unit)
        if unit.audit is AuditState.wanted:
            self._stores.opinions.set_audit(unit, AuditState.impossible)
        return 1

    def _let_go(self, adrift: list[Result], now: dt.datetime) -> int:
        for result in adrift:
            self._verdicts.dismiss(result, ADRIFT, now)
        return len(adrift)

    def _part(self, strangers: list[Result], now: dt.datetime) -> int:
        """Nobody could give another opinion on a unit of which machines of two kinds have spoken."""
        for result in strangers:
            self._verdicts.dismiss(result, OTHER_CLASS, now)
            unit = self._stores.work.unit(result.unit_id)
            if unit.seeks:
                project = self._stores.projects.by_id(unit.project_id)
                self._stores.opinions.want(unit, opinions_needed(self._policy, project))
        return len(strangers)

    def _each(self, step: Callable[[], int]) -> int:
        try:
            with self._stores.database.write():
                return int(step())
        except (SomebodyElseWasFirst, NotFound):
            _LOG.info("what was to be settled was settled by somebody else, or its project was deleted")
            return 0
