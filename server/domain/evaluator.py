"""The pass that measures checkpoints on the validation data, one shard at a time, off the critical path."""

import datetime as dt
import logging
import math
from collections import Counter

from server.domain.notices import Notices
from server.domain.ports import Learner
from server.errors import NotFound, SomebodyElseWasFirst
from server.rules import early_stopping
from server.rules.learning_values import EvaluateRequest, LearnerFailed
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)
_MAX_FAILURES = 3
_BETWEEN = dt.timedelta(seconds=15)
"""How often, within an epoch, the newest weights are measured; every epoch's end is."""
_AFTER_THE_END = dt.timedelta(days=1)
_STOPPED = (ProjectState.paused, ProjectState.needs_attention, ProjectState.finished, ProjectState.cancelled)


class Evaluator:
    def __init__(self, stores: Stores, learner: Learner, notices: Notices) -> None:
        self._stores = stores
        self._learner = learner
        self._notices = notices
        self._failures: Counter[int] = Counter()

    def run_pass(self, now: dt.datetime) -> int:
        """How many checkpoints were measured: at most one a project."""
        return sum(self._evaluate_one(project, now) for project in self._candidates(now))

    def _candidates(self, now: dt.datetime) -> list[Project]:
        """Who trains first; then those that rest or ended lately, whose last weights are worth knowing too."""
        stopped = [project for state in _STOPPED for project in self._stores.projects.in_state(state)]
        lately = [p for p in stopped if p.ended_at is None or now - p.ended_at < _AFTER_THE_END]
        return self._stores.projects.in_state(ProjectState.running) + lately

    def _evaluate_one(self, project: Project, now: dt.datetime) -> int:
        checkpoint = None
        try:
            shards = self._stores.projects.shards(project.id, validation=True)
            checkpoint = self._due(project, now) if shards else None
            if checkpoint is None:
                return 0
            loss, metrics = self._measure(project, checkpoint, [shard.sha256 for shard in shards])
            with self._stores.database.write():
                self._stores.checkpoints.evaluated(checkpoint, loss, metrics, now)
            if checkpoint.ends_epoch:
                self._stop_early(project, now)
            return 1
        except (LearnerFailed, Refused, NotFound) as error:
            _LOG.warning("project %d could not be evaluated: %s", project.id, error.sentence)
        except Exception:
            # One project's trouble is not the others'.
            _LOG.exception("evaluating project %d failed", project.id)
        if checkpoint is not None:
            self._failures[checkpoint.id] += 1
        return 0

    def _stop_early(self, project: Project, now: dt.datetime) -> None:
        """Finish a training whose validation loss has not improved for as many epochs as its owner's patience."""
        patience = project.settings.get("early_stopping", 0)
        if not patience:
            return
        stop = early_stopping.stop_at(list(map(_loss_of, self._stores.checkpoints.epoch_ends(project.id))), patience)
        if stop is None:
            return
        try:
            with self._stores.database.write():
                # As it is now: it may have ended, or have been paused, while this was measured.
                current = self._stores.projects.by_id(project.id)
                if current.state is not ProjectState.running:
                    return
                self._notices.finished(current, early_stopping.sentence(stop, patience), now)
        except (SomebodyElseWasFirst, NotFound):
            _LOG.info("project %d was paused, ended or deleted just before it would have stopped early", project.id)

    def _due(self, project: Project, now: dt.datetime) -> Checkpoint | None:
        waiting = filter(self._can_be_measured, self._stores.checkpoints.unevaluated_epoch_ends(project.id))
        if (oldest := next(waiting, None)) is not None:
            return oldest
        newest = self._stores.checkpoints.latest(project.id)
        if newest is None or newest.evaluated_at is not None or not self._can_be_measured(newest):
            return None
        if project.state is ProjectState.running:
            last = self._stores.checkpoints.last_evaluated(project.id)
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


def _loss_of(checkpoint: Checkpoint) -> float | None:
    """None where it was not measured. One that was, and has no number: SQLite keeps NaN as NULL."""
    unknown = checkpoint.validation_loss is None and checkpoint.evaluated_at is not None
    return math.nan if unknown else checkpoint.validation_loss
