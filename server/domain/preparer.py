"""The pass that turns a submitted draft into a running project: shards, plan, first checkpoint, round 0.

Where a new requestor's project wants an operator's yes, it waits for that, with all of these.
"""

import datetime as dt
import logging
import shutil
from pathlib import Path

import msgspec

from server.domain.approvals import must_wait
from server.domain.drafts import folder_of
from server.domain.notices import Notices
from server.domain.ports import Intake
from server.domain.unused_blobs import require_blobs
from server.errors import GridError, NotFound, SomebodyElseWasFirst
from server.rules import k_batch, sizing
from server.rules.admission import ANYBODY, Admission
from server.rules.finding import Finding
from server.rules.intake_values import Cut, CutRequest
from server.rules.states import ProjectState
from server.storage.stores import Stores
from server.storage.tables import Draft, Project
from volunteer.plan.objectives import label_rules
from volunteer.plan.project_plan import ProjectPlan, Role
from volunteer.plan.refused import Refused

_LOG = logging.getLogger(__name__)


class Preparer:
    def __init__(
        self, stores: Stores, intake: Intake, notices: Notices, admission: Admission = ANYBODY
    ) -> None:
        self._stores = stores
        self._intake = intake
        self._notices = notices
        self._admission = admission

    def run_pass(self, now: dt.datetime) -> int:
        """How many projects began to run. One that fails holds up none of the others."""
        return sum(
            self._prepare_one(project, now) for project in self._stores.projects.in_state(ProjectState.preparing)
        )

    def _prepare_one(self, project: Project, now: dt.datetime) -> int:
        try:
            draft = self._stores.drafts.of_project(project.id)
            if draft is None or draft.findings is None:
                raise NotFound("what was submitted is gone")
            self._prepare(project, draft, msgspec.convert(draft.findings, Finding), now)
            return 1
        except SomebodyElseWasFirst:
            _LOG.info("project %d was cancelled, or its blobs deleted with another's", project.id)
        except Exception as error:
            # Whatever it is, trying again would meet it again: a person must look.
            _LOG.exception("project %d could not be prepared", project.id)
            known = isinstance(error, GridError | Refused | OSError)
            self._give_up(project, str(error) if known else "something went wrong in the server.", now)
        return 0

    def _prepare(self, project: Project, draft: Draft, finding: Finding, now: dt.datetime) -> None:
        folder = folder_of(self._stores, draft.id)
        cut = self._cut(finding, folder / "cut")
        plan = plan_of(finding, cut)
        model = next(u for u in self._stores.drafts.uploads(draft) if u.field == "model")
        blobs = self._stores.blobs
        source, _ = blobs.copy_in(folder / "uploads" / model.path)
        weights, weights_size = blobs.copy_in(Path(finding.inspection.weights))
        frozen, frozen_size = blobs.copy_in(Path(finding.inspection.frozen))
        encoded = plan.encode()
        columns = {
            "source_sha256": source, "sources": finding.inspection.sources, "plan_sha256": blobs.put(encoded),
            "plan_size": len(encoded), "frozen_sha256": frozen, "frozen_size": frozen_size,
            "gradient_size": plan.size_of(Role.trainable), "moving_size": plan.size_of(Role.moving),
            "sums_size": finding.inspection.sums, "operations": plan.cost.operations * plan.layout.batch_size,
            "memory_needed": sizing.memory_needed(
                plan.cost.parameters, plan.cost.activation_bytes, plan.layout.batch_size
            ),
            "mini_batches": plan.layout.mini_batches, "preprocessing": finding.data.preprocessing,
        }  # fmt: skip
        shards = [
            {"project": project.id, "validation": validation, "number": number, "examples": file.rows}
            | dict(zip(("sha256", "size"), blobs.adopt(Path(file.path)), strict=True))
            for validation, files in ((False, cut.shards), (True, cut.validation))
            for number, file in enumerate(files)
        ]
        with self._stores.database.write():
            # First: it tells when the project was cancelled or deleted meanwhile.
            if must_wait(self._stores, self._admission, project.owner_id):
                self._stores.projects.move(project, ProjectState.awaiting_approval, **columns)
            else:
                self._stores.projects.move(project, ProjectState.running, running_since=now, **columns)
            require_blobs(self._stores, [source, weights, frozen, plan.sha256, *(s["sha256"] for s in shards)])
            self._stores.projects.add_shards(shards)
            self._stores.checkpoints.add(
                project=project.id, round=0, epoch=0, ends_epoch=False, weights_sha256=weights,
                weights_size=weights_size, created_at=now,
            )  # fmt: skip
            target = k_batch.round_target(finding.settings.k, plan.layout.mini_batches)
            self._stores.rounds.open(project.id, 0, 0, target, now)
            self._stores.projects.say(
                project.id, f"Cut into {len(cut.shards)} shards, {plan.layout.mini_batches} mini-batches an epoch.", now
            )
            self._stores.drafts.drop_uploads(draft.id)
            if project.state is ProjectState.awaiting_approval:
                self._notices.awaits_approval(project, now)
        shutil.rmtree(folder, ignore_errors=True)

    def _cut(self, finding: Finding, out: Path) -> Cut:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        assert finding.data.training is not None
        return self._intake.cut(
            CutRequest(
                training=finding.data.training, validation=finding.data.validation,
                rule=label_rules(finding.objective.loss, finding.model.output_shape), seed=finding.settings.seed,
                batch_size=finding.settings.batch_size, shard_examples=finding.settings.shard_examples, out=str(out),
                validation_fraction=finding.settings.validation_fraction,
            )
        )  # fmt: skip

    def _give_up(self, project: Project, reason: str, now: dt.datetime) -> None:
        try:
            with self._stores.database.write():
                # As it is now, not as it would have been.
                self._notices.needs_attention(self._stores.projects.by_id(project.id), reason, now)
        except (SomebodyElseWasFirst, NotFound):
            _LOG.info("project %d was ended or deleted while it was prepared", project.id)
        except Exception:
            # It is still being prepared, so the next pass tries again.
            _LOG.exception("project %d could not be given up", project.id)


def plan_of(finding: Finding, cut: Cut) -> ProjectPlan:
    """The immutable description of the work that every host of the project gets."""
    return ProjectPlan(
        architecture=finding.model.architecture, loss=finding.objective.loss, metrics=finding.objective.metrics,
        optimizer=finding.objective.optimizer, seed=finding.settings.seed, layout=cut.layout,
        inputs=list(finding.model.inputs), variables=finding.inspection.variables, cost=finding.model.cost,
        class_weights=finding.objective.class_weights or msgspec.UNSET,
    )  # fmt: skip
