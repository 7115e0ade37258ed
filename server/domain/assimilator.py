"""The pass that closes rounds: averages, has the learner step the optimizer, writes the checkpoint, opens the next.

Blobs first; then one transaction, guarded by the fencing token, names them and opens round r+1. A kill at any moment
leaves a round that is `closing`, and the pass does the same again with the same bytes.
"""

import datetime as dt
import logging
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from server.domain.awake import policy_for
from server.domain.notices import Notices
from server.domain.plans import Plans
from server.domain.ports import Learner
from server.domain.unused_blobs import require_blobs
from server.errors import LeadershipLost, NotFound, SomebodyElseWasFirst
from server.rules import choosing, k_batch
from server.rules.averaging import AUTO, Averaging, rule_for
from server.rules.learning_values import GradientFile, LearnerFailed, StepReport, StepRequest
from server.rules.states import ProjectState, RoundState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Round
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)
_MAX_FAILURES = 4


class Assimilator:
    def __init__(
        self, stores: Stores, plans: Plans, learner: Learner, notices: Notices, guard: Callable[[], None],
        policy: ValidationPolicy | None = None,
    ) -> None:  # fmt: skip
        """`guard` raises LeadershipLost, inside the transaction, when another scheduler leads."""
        self._stores = stores
        self._plans = plans
        self._learner = learner
        self._notices = notices
        self._guard = guard
        self._policy = policy or ValidationPolicy()
        self._failures: dict[int, int] = {}

    def run_pass(self, now: dt.datetime) -> int:
        """How many rounds were closed."""
        return sum(self._try_to_close(round_, now) for round_ in self._stores.rounds.in_state(RoundState.closing))

    def _try_to_close(self, round_: Round, now: dt.datetime) -> int:
        try:
            project = self._stores.projects.by_id(round_.project_id)
            return self._close(project, round_, now) if project.state is ProjectState.running else 0
        except (SomebodyElseWasFirst, NotFound):
            _LOG.info("project %d was paused, ended or deleted meanwhile", round_.project_id)
        except Exception as error:
            # One project's trouble must not keep the others' rounds from closing.
            _LOG.exception("round %d of project %d could not be closed", round_.number, round_.project_id)
            self._failed(project, f"{type(error).__name__}.", now)
        return 0

    def _close(self, project: Project, round_: Round, now: dt.datetime) -> int:
        out = Path(tempfile.mkdtemp(dir=self._stores.blobs.incoming))
        try:
            request = self._request(project, round_, out)
            report = self._learner.step(request)
            self._failures.pop(project.id, None)
            if not _is_usable(report):
                self._diverged(project, round_, now)
                return 0
            self._record(project, round_, report, request.averaging, now)
            return 1
        except (LearnerFailed, Refused, NotFound) as error:
            # A deleted project's blobs are missing too; then there is nobody to tell.
            self._failed(self._stores.projects.by_id(project.id), error.sentence, now)
            return 0
        except LeadershipLost:
            _LOG.warning("another scheduler leads; round %d of project %d is its to close", round_.number, project.id)
            return 0
        finally:
            shutil.rmtree(out, ignore_errors=True)

    def _request(self, project: Project, round_: Round, out: Path) -> StepRequest:
        blobs = self._stores.blobs
        checkpoint = self._stores.checkpoints.get(project.id, round_.number)
        assert checkpoint is not None, "an open round has a checkpoint: one transaction writes both"
        layout = self._plans.of(project.plan_sha256).layout
        gradients = []
        for unit in self._stores.work.units_of_round(project.id, round_.number, UnitState.valid):
            canonical = self._stores.work.result(unit.canonical or 0)
            assert canonical is not None, "a valid unit has a canonical result"
            examples = sum(layout.locate(mini_batch).count for mini_batch in unit.mini_batches)
            gradients.append(GradientFile(str(blobs.path(canonical.gradient_sha256)), examples))
        return StepRequest(
            plan=str(blobs.path(project.plan_sha256)),
            frozen=str(blobs.path(project.frozen_sha256)),
            weights=str(blobs.path(checkpoint.weights_sha256)),
            optimizer=str(blobs.path(checkpoint.optimizer_sha256)) if checkpoint.optimizer_sha256 else None,
            gradients=gradients,
            mini_batches=round_.used,
            out=str(out),
            averaging=self._rule(project, len(gradients)),
        )

    def _rule(self, project: Project, results: int) -> Averaging:
        believes_all = policy_for(self._policy, project).believes_all
        return rule_for(project.settings.get("averaging", AUTO), results, believes_all)

    def _record(
        self, project: Project, round_: Round, report: StepReport, averaging: Averaging, now: dt.datetime
    ) -> None:
        # The learner has hashed the bytes that it wrote: they are not read again here.
        weights, optimizer = str(report.weights_sha256), str(report.optimizer_sha256)
        weights_size = self._stores.blobs.adopt_as(Path(str(report.weights)), weights)
        self._stores.blobs.adopt_as(Path(str(report.optimizer)), optimizer)
        used = self._stores.rounds.count_used_in_epoch(project.id, project.epoch)
        ends_epoch = used >= project.mini_batches
        with self._stores.database.write():
            self._guard()
            require_blobs(self._stores, (weights, optimizer))
            self._stores.rounds.close(round_, now, report.loss, report.metrics, averaging.value)
            self._stores.checkpoints.add(
                project=project.id, round=round_.number + 1, epoch=project.epoch, ends_epoch=ends_epoch,
                weights_sha256=weights, weights_size=weights_size, optimizer_sha256=optimizer, created_at=now,
            )  # fmt: skip
            self._go_on(project, round_, used, ends_epoch, now)

    def _go_on(self, project: Project, round_: Round, used: int, ends_epoch: bool, now: dt.datetime) -> None:
        """Open the next round, in this epoch or the next; after the last epoch there is none."""
        epoch = project.epoch + 1 if ends_epoch else project.epoch
        if ends_epoch:
            self._stores.projects.say(project.id, f"Epoch {epoch} of {project.settings['epochs']} is complete.", now)
            head, left = 0, project.mini_batches
        else:
            places = self._stores.rounds.used_places(project.id, project.epoch, project.head)
            head, left = choosing.next_head(project.head, places), project.mini_batches - used
        number = round_.number + 1
        self._stores.projects.advance(project.id, number, epoch, head)
        if epoch >= project.settings["epochs"]:
            self._notices.finished(project, f"Finished after {number:,} round{'' if number == 1 else 's'}.", now)
            return
        target = k_batch.round_target(project.settings["k"], left)
        self._stores.rounds.open(project.id, number, epoch, target, now)

    def _diverged(self, project: Project, round_: Round, now: dt.datetime) -> None:
        self._stop(
            project,
            f"the model diverged in round {round_.number}: the optimizer's step gives numbers that are not finite. "
            "The weights before that step are kept: download them and start a new project from them with a smaller "
            "learning rate.",
            now,
        )

    def _failed(self, project: Project, sentence: str, now: dt.datetime) -> None:
        count = self._failures[project.id] = self._failures.get(project.id, 0) + 1
        _LOG.warning("the learner failed at project %d, %d times now: %s", project.id, count, sentence)
        if count >= _MAX_FAILURES:
            self._failures.pop(project.id)
            self._stop(project, f"the server could not take the optimizer's step: {sentence}", now)

    def _stop(self, project: Project, reason: str, now: dt.datetime) -> None:
        with self._stores.database.write():
            self._guard()
            self._notices.needs_attention(project, reason, now)


def _is_usable(report: StepReport) -> bool:
    return report.finite and math.isfinite(report.loss)
