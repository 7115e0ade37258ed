"""The pass that measures checkpoints on the validation data, one shard at a time, off the critical path."""

import datetime as dt
import logging
from collections import Counter

from server.domain.ports import Learner
from server.errors import NotFound
from server.rules.learning_values import EvaluateRequest, LearnerFailed
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)
_MAX_FAILURES = 3
_BETWEEN = dt.timedelta(seconds=15)
"""How often, within an epoch, the newest weights are measured; every epoch's end is."""


class Evaluator:
    def __init__(self, stores: Stores, learner: Learner) -> None:
        self._stores = stores
        self._learner = learner
        self._failures: Counter[int] = Counter()

    def run_pass(self, now: dt.datetime) -> int:
        """How many checkpoints were measured: at most one a project."""
        return sum(self._evaluate_one(project, now) for project in self._candidates(now))

    def _candidates(self, now: dt.datetime) -> list[Project]:
        recent = [
            project
            for project in self._stores.projects.in_state(ProjectState.finished)
            if project.ended_at and now - project.ended_at < dt.timedelta(days=1)
        ]
        return self._stores.projects.in_state(ProjectState.running) + recent

    def _evaluate_one(self, project: Project, now: dt.datetime) -> int:
        checkpoint = self._due(project, now)
        shards = self._stores.projects.shards(project.id, validation=True)
        if checkpoint is None or not shards:
            return 0
        try:
            loss, metrics = self._measure(project, checkpoint, [shard.sha256 for shard in shards])
        except (LearnerFailed, Refused, NotFound) as error:
            _LOG.warning("project %d could not be evaluated: %s", project.id, error.sentence)
            self._failures[checkpoint.id] += 1
            return 0
        with self._stores.database.write():
            self._stores.checkpoints.evaluated(checkpoint, loss, metrics, now)
        return 1

    def _due(self, project: Project, now: dt.datetime) -> Checkpoint | None:
        waiting = filter(self._can_be_measured, self._stores.checkpoints.unevaluated_epoch_ends(project.id))
        if (oldest := next(waiting, None)) is not None:
            return oldest
        if project.state is not ProjectState.running:
            return None
        last = self._stores.checkpoints.last_evaluated(project.id)
        newest = self._stores.checkpoints.latest(project.id)
        if newest is None or newest.evaluated_at is not None or not self._can_be_measured(newest):
            return None
        if last is not None and now - last.evaluated_at < _BETWEEN:
            return None
        return newest

    def _can_be_measured(self, checkpoint: Checkpoint) -> bool:
        """Its weights are kept, and it was not tried in vain too often: what cannot be measured must not spin."""
        return bool(checkpoint.weights_sha256) and self._failures[checkpoint.id] < _MAX_FAILURES

    def _measure(self, project: Project, checkpoint: Checkpoint, shards: list[str]) -> tuple[float, dict[str, float]]:
        blobs = self._stores.blobs
        plan, frozen = str(blobs.path(project.plan_sha256)), str(blobs.path(project.frozen_sha256))
        weights = str(blobs.path(checkpoint.weights_sha256))
        totals: list[float] = []
        examples = 0
        for shard in shards:
            part = self._learner.evaluate(
                EvaluateRequest(plan=plan, frozen=frozen, weights=weights, shard=str(blobs.path(shard)))
            )
            totals = [a + b for a, b in zip(totals, part.sums, strict=True)] if totals else list(part.sums)
            examples += part.examples
        result = self._learner.evaluation_result(plan, totals, examples)
        return result.loss, result.metrics
