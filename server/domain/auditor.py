"""The pass that recomputes units as a referee: a random share of what has counted, and what nobody else can judge.

Which units is drawn by a secret after their round has closed, so that no host can tell. Referees of the operator get
them by dispatch; where none is awake the learner computes them, one at a time and seldom. It gives no verdicts.
"""

import datetime as dt
import logging
import shutil
import tempfile
import time
from pathlib import Path

from server.domain.awake import Awake, policy_for
from server.domain.blob_collector import GRADIENT_ROUNDS
from server.domain.plans import Plans
from server.domain.ports import Learner, Ring
from server.domain.secrets import check_secret
from server.domain.seeking import KEPT
from server.domain.unused_blobs import delete_unused, require_blobs
from server.errors import NotFound, SomebodyElseWasFirst
from server.rules import replication
from server.rules.host_troubles import ASKED_ANEW
from server.rules.learning_values import GradientRequest, LearnerFailed
from server.rules.states import AuditState, Purpose, ResultState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Unit
from volunteer.plan.refused import Refused
from volunteer.protocol.gradients import GradientSizes, inspect_gradient
from volunteer.protocol.tensors import MalformedTensors

_LOG = logging.getLogger(__name__)
RESTS = 9.0
"""After an audit that no round waits for the learner rests so many times as long: a tenth of one machine at most."""

LEFT_TO_REFEREES = dt.timedelta(seconds=60)
LEASE = dt.timedelta(hours=1)
MAX_FAILURES = 3
AGAIN_AFTER = dt.timedelta(minutes=5)
"""Later, what a round waits for is tried once more: the learner may have had no memory just then."""

_LOOKED_AT = 64


class Auditor:
    def __init__(
        self, stores: Stores, plans: Plans, learner: Learner, policy: ValidationPolicy, ring: Ring,
        numeric_class: str = "",
    ) -> None:  # fmt: skip
        """`numeric_class`: how this machine computes, "" where nobody knows."""
        self._stores = stores
        self._class = numeric_class
        self._plans = plans
        self._learner = learner
        self._policy = policy
        self._ring = ring
        self._drawn: dict[int, int] = {}
        self._failures: dict[int, int] = {}
        self._not_before: dict[int, dt.datetime] = {}
        self._rests_until = 0.0
        self._began = False

    def run_pass(self, now: dt.datetime) -> int:
        """How many units were drawn or recomputed."""
        if not self._began:
            self._let_go_of_earlier_leases(now)
        return self._draw(now) + self._recompute(now)

    # --- which

    def _draw(self, now: dt.datetime) -> int:
        """Of rounds closed since the last pass. After a restart the same are drawn again: nothing is forgotten."""
        drawn = 0
        # A finished one's last round closed as it finished; who lies only then must not be safe.
        for project in self._stores.projects.in_play(now - KEPT):
            policy = policy_for(self._policy, project)
            drawn_until = self._drawn.get(project.id, project.round + 1)
            # A project that went back computes the same rounds anew.
            first = drawn_until if drawn_until <= project.round else max(project.round - GRADIENT_ROUNDS, 0)
            share = 0.0 if policy.believes_all else policy.audit_share
            if first < project.round and share > 0:
                drawn += self._draw_of(project, first, share)
            self._drawn[project.id] = project.round
        return drawn

    def _draw_of(self, project: Project, first: int, share: float) -> int:
        secret, drawn = check_secret(self._stores), 0
        with self._stores.database.write():
            # What only machines of one kind agree on, one of another kind would wrongly call wrong.
            kind = self._class if project.homogeneous else None
            for number, digest in self._stores.checks.unaudited(project.id, first, project.round - 1, kind):
                if replication.draw(secret, "audit", number, digest) < share:
                    self._stores.opinions.set_audit(self._stores.work.unit(number), AuditState.wanted)
                    drawn += 1
        return drawn

    # --- the learner as a referee

    def _recompute(self, now: dt.datetime) -> int:
        """One unit: the oldest that a round waits for, else the oldest."""
        awake = Awake(self._stores, self._policy, now)
        for unit in self._stores.checks.for_the_server(_LOOKED_AT, self._class):
            if unit.id in self._not_before and now < self._not_before[unit.id]:
                continue
            try:
                project = self._stores.projects.by_id(unit.project_id)
                if self._is_ours(project, unit, awake, now):
                    return self._compute(project, unit, now)
            except (SomebodyElseWasFirst, NotFound):
                _LOG.info("unit %d was settled or deleted meanwhile", unit.id)
        return 0

    def _is_ours(self, project: Project, unit: Unit, awake: Awake, now: dt.datetime) -> bool:
        is_waited_for = unit.state is UnitState.open
        if any(one.referee for one in awake.givers(project)):
            return is_waited_for and now - unit.created_at > LEFT_TO_REFEREES
        return is_waited_for or time.monotonic() >= self._rests_until

    def _compute(self, project: Project, unit: Unit, now: dt.datetime) -> int:
        result = self._lease(unit, now)
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(dir=self._stores.blobs.incoming))
        try:
            file = folder / "gradient"
            self._learner.recompute(self._request(project, unit, file))
            self._file(project, result, file, now)
        except (LearnerFailed, Refused, MalformedTensors, NotFound) as error:
            self._failed(unit, result, str(error), now)
            return 0
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            elapsed = time.monotonic() - began
            if unit.state is not UnitState.open:
                self._rests_until = time.monotonic() + RESTS * elapsed
        self._failures.pop(unit.id, None)
        self._not_before.pop(unit.id, None)
        self._ring("rounds")
        return 1

    def _lease(self, unit: Unit, now: dt.datetime) -> Result:
        """A result as any other: what was computed is compared, kept and forgotten by the same ways."""
        with self._stores.database.write():
            host = self._stores.hosts.the_grid(now, self._class)
            return self._stores.work.lease(unit, host.id, now, now + LEASE, 60.0, now + LEASE, purpose=Purpose.audit)

    def _request(self, project: Project, unit: Unit, out: Path) -> GradientRequest:
        blobs = self._stores.blobs
        checkpoint = self._stores.checkpoints.get(project.id, unit.round)
        layout = self._plans.of(project.plan_sha256).layout
        needed = {layout.locate(mini_batch).shard for mini_batch in unit.mini_batches}
        shards = {s.number: s.sha256 for s in self._stores.projects.shards(project.id)}
        return GradientRequest(
            plan=str(blobs.path(project.plan_sha256)), frozen=str(blobs.path(project.frozen_sha256)),
            weights=str(blobs.path(checkpoint.weights_sha256 if checkpoint else "")), epoch=unit.epoch,
            mini_batches=list(unit.mini_batches),
            shards={str(number): str(blobs.path(shards[number])) for number in needed}, out=str(out),
        )  # fmt: skip

    def _file(self, project: Project, result: Result, file: Path, now: dt.datetime) -> None:
        claim = inspect_gradient(file, GradientSizes(project.gradient_size, project.moving_size, project.sums_size))
        sha256, size = self._stores.blobs.adopt(file)
        try:
            with self._stores.database.write():
                require_blobs(self._stores, (sha256,))
                self._stores.work.move(
                    result, ResultState.reported, digest=sha256, gradient_sha256=sha256,
                    delivered=claim.mini_batches, seconds=claim.seconds, ended_at=now, bytes_up=size,
                )  # fmt: skip
        except SomebodyElseWasFirst:
            delete_unused(self._stores, (sha256,))
            raise

    def _failed(self, unit: Unit, result: Result, sentence: str, now: dt.datetime) -> None:
        """Tried again, some times; then what no round waits for is let go."""
        failures = self._failures[unit.id] = self._failures.get(unit.id, 0) + 1
        _LOG.warning("unit %d could not be recomputed, %d times now: %s", unit.id, failures, sentence)
        with self._stores.database.write():
            self._stores.work.move(result, ResultState.failed, ended_at=now, sentence=sentence[:500])
            if failures < MAX_FAILURES:
                return
            self._not_before[unit.id] = now + AGAIN_AFTER
            if unit.state is not UnitState.open:
                self._stores.opinions.set_audit(unit, AuditState.impossible)

    def _let_go_of_earlier_leases(self, now: dt.datetime) -> None:
        """Of a scheduler that was killed while its learner computed."""
        with self._stores.database.write():
            for result in self._stores.work.leased_to(self._stores.hosts.the_grid(now).id):
                self._stores.work.move(result, ResultState.lost, ended_at=now, sentence=ASKED_ANEW)
        self._began = True
