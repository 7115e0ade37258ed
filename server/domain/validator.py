"""The pass that judges reported results. The verdict, the use of the mini-batches and the round's count are one step.

Checks here: numbers finite, the unit still open, the round still open. Form, sizes and counts were checked on arrival.
Agreement between hosts would be judged here too: the states allow several results of a unit.
"""

import datetime as dt
import logging

import numpy as np
from numpy.typing import NDArray

from server.domain.credit import Credit
from server.domain.notices import Notices
from server.domain.plans import Plans, places_of
from server.domain.ports import Ring
from server.errors import NotFound, SomebodyElseWasFirst
from server.rules import k_batch, retries
from server.rules.states import CreditKind, ProjectState, ResultState, RoundState, UnitState
from server.rules.status import ONLINE_SECONDS
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Round, Unit
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.tensors import MalformedTensors

_LOG = logging.getLogger(__name__)
_MOST_AT_ONCE = 64
_BLOCK = 2**20
NOT_FINITE = "The numbers are not finite. Nobody is blamed for that: a model that diverges gives such numbers."


class Validator:
    def __init__(self, stores: Stores, plans: Plans, notices: Notices, ring: Ring) -> None:
        self._stores = stores
        self._plans = plans
        self._notices = notices
        self._ring = ring
        self._credit = Credit(stores)

    def run_pass(self, now: dt.datetime) -> int:
        """Judge what was reported; how many results got a verdict."""
        found = [(result, self._flaw(result)) for result in self._stores.work.oldest_reported(_MOST_AT_ONCE)]
        if not found:
            return 0
        with self._stores.database.write():
            # One commit for all; each is a step of its own inside it.
            judged = sum(self._try(result, flaw, now) for result, flaw in found)
        if judged:
            self._ring("closings")
        return judged

    def _try(self, result: Result, flaw: ResultState | None, now: dt.datetime) -> int:
        try:
            with self._stores.database.write():
                self._judge(result, flaw, now)
        except (SomebodyElseWasFirst, NotFound):
            _LOG.info("result %d was judged by somebody else, or its project was deleted", result.id)
            return 0
        except Exception:
            # It would stand first in the queue for ever, and nobody's results would be judged.
            _LOG.exception("result %d could not be judged", result.id)
            with self._stores.database.write():
                self._stores.work.give_up(result, "The server could not judge it.")
        return 1

    def _flaw(self, result: Result) -> ResultState | None:
        """What is wrong with the numbers themselves: read outside any transaction."""
        try:
            blob = GradientBlob.decode(self._stores.blobs.path(result.gradient_sha256).read_bytes())
        except (MalformedTensors, NotFound):
            return ResultState.invalid
        vectors = (blob.gradient, blob.moving, blob.sums)
        return None if all(_is_finite(vector) for vector in vectors) else ResultState.not_finite

    def _judge(self, result: Result, flaw: ResultState | None, now: dt.datetime) -> None:
        unit = self._stores.work.unit(result.unit_id)
        project = self._stores.projects.by_id(result.project_id)
        round_ = self._stores.rounds.get(project.id, unit.round)
        if unit.state is not UnitState.open or round_.state is not RoundState.open:
            self._stores.work.move(result, ResultState.unneeded, sentence="It came after it was needed.")
        elif result.delivered != unit.size:
            # The unit was split by another host's prefix after this one had reported.
            self._stores.work.move(result, ResultState.unneeded, sentence="It covers another part than the unit.")
        elif flaw is not None:
            self._reject(project, unit, result, flaw, now)
        else:
            self._count(project, round_, unit, result, now)

    def _reject(self, project: Project, unit: Unit, result: Result, flaw: ResultState, now: dt.datetime) -> None:
        blame = "" if flaw is ResultState.not_finite else "The upload cannot be read."
        self._stores.work.move(result, flaw, sentence=blame or NOT_FINITE)
        failures = self._stores.work.count_failure(unit.id)
        since = project.running_since or project.created_at
        found = self._stores.work.ended_as(project.id, unit.round, ResultState.not_finite, since)
        if self._model_diverged(project, found, now):
            reason = (
                f"the model diverged in round {unit.round}: its loss or gradients are not finite numbers. The weights "
                "of the last closed round are kept: download them and start a new project from them with a smaller "
                "learning rate."
            )
        elif retries.unit_is_hopeless(failures, 0):
            reason = f"the same unit failed {failures} times in round {unit.round}."
        else:
            return
        if project.state is ProjectState.running:
            self._notices.needs_attention(project, reason, now)

    def _model_diverged(self, project: Project, found: list[Result], now: dt.datetime) -> bool:
        hosts = {result.host_id for result in found}
        since = now - dt.timedelta(seconds=ONLINE_SECONDS)
        able = self._stores.hosts.accounts_of(self._stores.hosts.able(since, project.memory_needed))
        said = self._stores.hosts.accounts_of(hosts)
        return retries.model_diverged(len(said), len(hosts), len(found), bool(able - said))

    def _count(self, project: Project, round_: Round, unit: Unit, result: Result, now: dt.datetime) -> None:
        plan = self._plans.of(project.plan_sha256)
        places = places_of(plan.seed, unit.epoch, project.mini_batches)
        used_at = {mini_batch: int(places[mini_batch]) for mini_batch in unit.mini_batches}
        examples = sum(plan.layout.locate(mini_batch).count for mini_batch in unit.mini_batches)
        self._stores.work.move(result, ResultState.valid)
        self._credit.grant(result, unit, project, CreditKind.granted, now)
        self._stores.work.move_unit(unit, UnitState.valid, canonical=result.id)
        self._stores.rounds.use(project.id, unit.epoch, used_at, unit.round, unit.id)
        used = self._stores.rounds.count(round_, unit.size, examples)
        for other in self._stores.work.results_of(unit.id):
            if other.state is ResultState.leased:
                self._stores.work.move(other, ResultState.cancelled, ended_at=now, sentence="Another host was first.")
        if k_batch.has_enough(used, round_.target):
            self._stores.rounds.begin_closing(round_, now)
            self._cancel_the_rest(project, unit.round, now)

    def _cancel_the_rest(self, project: Project, number: int, now: dt.datetime) -> None:
        """What is still running is not needed; its mini-batches are free again and stand at the queue's head."""
        for unit in self._stores.work.units_of_round(project.id, number, UnitState.open):
            for result in self._stores.work.results_of(unit.id):
                if result.state is ResultState.leased:
                    self._stores.work.move(
                        result, ResultState.cancelled, ended_at=now, sentence="The round has closed."
                    )
            self._stores.work.move_unit(unit, UnitState.cancelled)


def _is_finite(vector: NDArray[np.floating]) -> bool:
    return all(np.isfinite(vector[at : at + _BLOCK]).all() for at in range(0, len(vector), _BLOCK))
