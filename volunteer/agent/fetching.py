"""Gets what a lease needs onto this disk: plan, weights, frozen weights, shards; and checks that they make sense."""

from dataclasses import dataclass, field
from pathlib import Path

from volunteer.agent.tools import Tools
from volunteer.errors import NoRoom, RetryLater, is_full
from volunteer.plan.project_plan import ProjectPlan, Role
from volunteer.plan.refused import Refused
from volunteer.protocol.messages import BlobRef, GiveBackReason, Lease
from volunteer.spool.gradients import can_be_spooled
from volunteer.trainer.reins import Reins

MAX_PLAN_BYTES = 32 * 2**20
# A blob that arrives broken this often is broken at its source.
BAD_DIGESTS = 3


class Unusable(Exception):
    """This lease cannot be worked on here; it goes back with this reason."""

    def __init__(self, reason: GiveBackReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Files:
    """The lease's blobs on this disk; `shards` by their number."""

    plan: Path
    weights: Path
    frozen: Path | None
    shards: dict[int, Path]


@dataclass
class Fetcher:
    """`_plans`: plans that have passed the allow-list in this process; `_weights`: the blob of each project's round."""

    tools: Tools
    _plans: dict[str, ProjectPlan] = field(default_factory=dict)
    _weights: dict[str, str] = field(default_factory=dict)

    def fetch(self, lease: Lease, reins: Reins) -> Files | None:
        """The files, all verified; None when the reins were pulled first.

        Raises Unusable, NoRoom, DropResult, StopAndTell.
        """
        self._forget_old_weights(lease)
        self.tools.blobs.drop_parts(_names(lease))
        plan_path = self._blob(lease.plan, lease, reins)
        if plan_path is None:
            return None
        self._check(lease, self._plan(lease.plan, plan_path))
        weights = self._blob(lease.weights, lease, reins)
        frozen = None if lease.frozen_weights is None else self._blob(lease.frozen_weights, lease, reins)
        shards: dict[int, Path] = {}
        for shard in lease.shards:
            path = self._blob(shard.blob, lease, reins)
            if path is None:
                return None
            shards[shard.index] = path
        if weights is None or (frozen is None and lease.frozen_weights is not None):
            return None
        return Files(plan_path, weights, frozen, shards)

    def _blob(self, blob: BlobRef, lease: Lease, reins: Reins) -> Path | None:
        blobs = self.tools.blobs
        found = blobs.find(blob.sha256)
        if found is not None or reins.pulled.is_set():
            return found
        blobs.make_room(blob.size, _names(lease))
        bad = 0

        def get() -> Path:
            try:
                self.tools.grid.download(blob, blobs.part(blob.sha256), lambda: reins.free)
                return blobs.adopt(blob.sha256)
            except OSError as error:
                if is_full(error):
                    # What did not fit is in nobody's way any more; all else stays.
                    blobs.forget([blob.sha256])
                    raise NoRoom from None
                raise RetryLater(f"The blob cannot be kept on disk: {error.strerror}.") from None

        def count_bad(error: RetryLater, _failures: int) -> None:
            nonlocal bad
            bad += error.code == "digest_mismatch"
            if bad >= BAD_DIGESTS:
                raise Unusable(GiveBackReason.failed, f"Blob {blob.sha256[:12]} arrived broken {bad} times.")

        return self.tools.patience.insist(get, reins.pulled, count_bad)

    def _plan(self, blob: BlobRef, path: Path) -> ProjectPlan:
        known = self._plans.get(blob.sha256)
        if known is not None:
            return known
        if blob.size > MAX_PLAN_BYTES:
            raise Unusable(GiveBackReason.cannot_read, f"A plan of {blob.size} bytes is too large.")
        try:
            plan = ProjectPlan.decode(path.read_bytes())
        except (Refused, ValueError) as error:
            raise Unusable(GiveBackReason.cannot_read, str(error)[:1000]) from None
        if len(self._plans) >= 16:
            self._plans.clear()
        self._plans[blob.sha256] = plan
        return plan

    def _forget_old_weights(self, lease: Lease) -> None:
        """The weights of an earlier round of this project will never be asked for again."""
        old = self._weights.get(lease.project)
        if old is not None and old != lease.weights.sha256:
            self.tools.blobs.forget([old])
        self._weights[lease.project] = lease.weights.sha256

    def _check(self, lease: Lease, plan: ProjectPlan) -> None:
        """Raises Unusable for a lease that does not fit its plan."""
        layout = plan.layout
        given = {shard.index for shard in lease.shards}
        wrong = [number for number in lease.mini_batches if number >= layout.mini_batches]
        missing = {layout.locate(n).shard for n in lease.mini_batches if n < layout.mini_batches} - given
        if wrong or missing or len(set(lease.mini_batches)) != len(lease.mini_batches):
            raise Unusable(GiveBackReason.cannot_read, "The mini-batches of this lease do not fit its plan and shards.")
        if plan.size_of(Role.frozen) and lease.frozen_weights is None:
            raise Unusable(GiveBackReason.cannot_read, "The lease names no frozen weights, and the plan has some.")
        if not can_be_spooled(lease.result):
            raise Unusable(GiveBackReason.cannot_read, "The result's name is too long.")


def _names(lease: Lease) -> set[str]:
    names = {lease.plan.sha256, lease.weights.sha256, *(shard.blob.sha256 for shard in lease.shards)}
    return names | ({lease.frozen_weights.sha256} if lease.frozen_weights else set())
