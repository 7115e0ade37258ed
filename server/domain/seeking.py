"""The pass that looks after units which want another opinion: nobody can give it, or it has come to nothing.

Its own verdicts are none: what no volunteer can say, a referee is asked.
"""

import datetime as dt
import logging

from server.domain.awake import Awake
from server.domain.blob_collector import GRADIENT_ROUNDS
from server.domain.checks import given_by, waits_since
from server.domain.ports import Ring
from server.errors import NotFound, SomebodyElseWasFirst
from server.rules import retries
from server.rules.second_opinions import somebody_may_give
from server.rules.states import AuditState, ProjectState, Purpose, ResultState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Unit

_LOG = logging.getLogger(__name__)
KEPT = dt.timedelta(minutes=5)
"""What an opinion needs is kept so long, and for ten rounds: quick rounds are over in no time."""

PATIENCE = dt.timedelta(minutes=2)
"""An open round waits no longer for a volunteer who could give an opinion and does not."""

SLOW = dt.timedelta(minutes=5)
"""Nor for one who computes it that long: a lease may last much longer for who says that he is slow."""

CHECK_PATIENCE = dt.timedelta(minutes=3)
"""A check of what has counted already: whoever was drawn does not get away by nobody's coming."""

TOO_LATE = "The opinion came too late to be of use."
_IN_PLAY = (ProjectState.running, ProjectState.paused, ProjectState.needs_attention, ProjectState.finished)


class Seeking:
    def __init__(self, stores: Stores, policy: ValidationPolicy, ring: Ring) -> None:
        self._stores = stores
        self._policy = policy
        self._ring = ring

    def run_pass(self, now: dt.datetime) -> int:
        """How many units were given to referees, or given up."""
        moved = 0
        for number in self._stores.checks.projects_sought():
            try:
                with self._stores.database.write():
                    moved += self._look_after(self._stores.projects.by_id(number), now)
            except (SomebodyElseWasFirst, NotFound):
                _LOG.info("project %d was changed or deleted meanwhile", number)
        if moved:
            self._ring("audits")
            self._ring("rounds")
        return moved

    def _look_after(self, project: Project, now: dt.datetime) -> int:
        units = self._stores.checks.sought(project.id)
        kept = self._rounds_kept(project, {unit.round for unit in units})
        too_old = [unit for unit in units if unit.round not in kept or _is_too_late(project, unit, now)]
        for unit in too_old:
            self._give_up(unit, now)
        given_up = {unit.id for unit in too_old}
        left = [unit for unit in units if unit.id not in given_up and unit.audit is not AuditState.wanted]
        if not left or project.state not in (ProjectState.running, ProjectState.finished):
            return len(too_old)
        return len(too_old) + self._ask_referees(project, left, len(units), now)

    def _ask_referees(self, project: Project, left: list[Unit], most: int, now: dt.datetime) -> int:
        """Of units whose opinions nobody computes, those that nobody who is awake could give; and of those that hold
        their round up, those that somebody computes for too long."""
        wanting = {unit.id for unit in self._stores.checks.wanting(project.id, most)}
        left = [unit for unit in left if unit.id in wanting or unit.state is UnitState.open]
        if not left:
            return 0
        found = self._stores.checks.on([unit.id for unit in left])
        awake = [one for one in Awake(self._stores, self._policy, now).givers(project) if not one.referee]
        asked = 0
        for unit in left:
            opinions, waits = found[unit.id], unit.id in wanting
            patience = (PATIENCE if unit.state is UnitState.open else CHECK_PATIENCE) if waits else SLOW
            overdue = now - waits_since(unit, opinions) > patience
            nobody = waits and not somebody_may_give(awake, given_by(opinions), project.homogeneous)
            if nobody or overdue or (waits and retries.unit_is_hopeless(unit.failures, 0)):
                self._stores.opinions.set_audit(unit, AuditState.wanted)
                asked += 1
        return asked

    def _rounds_kept(self, project: Project, numbers: set[int]) -> set[int]:
        """Those whose weights are still there."""
        found = {number: self._stores.checkpoints.get(project.id, number) for number in numbers}
        return {number for number, checkpoint in found.items() if checkpoint and checkpoint.weights_sha256}

    def _give_up(self, unit: Unit, now: dt.datetime) -> None:
        """What still waits for an opinion is let go by the validator: nobody is blamed, and nothing is granted."""
        if unit.seeks:
            self._stores.opinions.end_search(unit)
        if unit.audit is AuditState.wanted:
            self._stores.opinions.set_audit(unit, AuditState.impossible)
        for result in self._stores.work.results_of(unit.id):
            if result.state is ResultState.leased and result.purpose is not Purpose.work:
                self._stores.work.move(result, ResultState.cancelled, ended_at=now, sentence=TOO_LATE)


def _is_too_late(project: Project, unit: Unit, now: dt.datetime) -> bool:
    if project.state not in _IN_PLAY or unit.state is UnitState.undone:
        return True
    if unit.state is UnitState.open:
        return False
    if project.state is ProjectState.finished:
        return now - (project.ended_at or unit.created_at) > KEPT
    return unit.round < project.round - GRADIENT_ROUNDS and now - unit.created_at > KEPT
