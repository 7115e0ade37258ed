"""Looks at one reported gradient by itself, outside any transaction: what is wrong with it, what is strange."""

import collections
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from server.domain.awake import policy_for
from server.domain.plans import Plans
from server.errors import NotFound
from server.rules import gradient_checks, quorum, replication
from server.rules.gradient_checks import Facts
from server.rules.states import ResultState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Round, Unit
from volunteer.plan.project_plan import Role
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.tensors import MalformedTensors, load

_BLOCK = 2**20
_ROUNDS_KEPT = 16
_RECENT_ROUNDS = 10
_MOST_FACTS = 200


@dataclass(frozen=True)
class Look:
    """`flaw`: the verdict that the bytes alone give; `suspicions`: why another opinion is wanted, in sentences."""

    flaw: ResultState | None
    norm: float = 0.0
    loss: float = 0.0
    suspicions: tuple[str, ...] = ()


@dataclass
class _Beside:
    """What a round's gradients are looked at beside: recent norms and losses, the round's other units, its state."""

    recent: list[tuple[float, float]]
    state: NDArray[np.float32] | None
    momentum: NDArray[np.float64]
    facts: dict[int, Facts] = field(default_factory=dict)


class Looking:
    """Keeps the sketches of the last rounds in memory: what is forgotten with the process makes nobody suspect."""

    def __init__(self, stores: Stores, plans: Plans, policy: ValidationPolicy, secret: bytes) -> None:
        self._stores = stores
        self._plans = plans
        self._policy = policy
        self._secret = secret
        self._rounds: collections.OrderedDict[int, _Beside] = collections.OrderedDict()

    def at(self, result: Result) -> Look:
        """Raises NotFound when the server has lost the upload."""
        try:
            blob = GradientBlob.decode(self._stores.blobs.path(result.gradient_sha256).read_bytes())
        except MalformedTensors:
            return Look(ResultState.invalid)
        if not all(_is_finite(vector) for vector in (blob.gradient, blob.moving, blob.sums)):
            return Look(ResultState.not_finite)
        try:
            unit, project = self._stores.work.unit(result.unit_id), self._stores.projects.by_id(result.project_id)
            round_ = self._stores.rounds.get(project.id, unit.round)
        except NotFound:
            # Deleted or undone meanwhile: there is nothing left to look for.
            return Look(None)
        if policy_for(self._policy, project).believes_all:
            return Look(None)
        vectors = quorum.Vectors(blob.gradient, blob.moving, blob.sums, blob.examples)
        return self._strange(project, round_, unit, vectors)

    def _strange(self, project: Project, round_: Round, unit: Unit, vectors: quorum.Vectors) -> Look:
        beside = self._beside(project, round_, unit)
        facts = gradient_checks.facts_of(vectors, self._seed(project, unit))
        others = [other for number, other in beside.facts.items() if number != unit.id]
        beside.facts.setdefault(unit.id, facts)
        # A project's first round has none before it: then it is looked at beside the round's own.
        recent = beside.recent or [(other.norm, other.loss) for other in others]
        found = gradient_checks.suspicions(
            facts, [norm for norm, _ in recent], [loss for _, loss in recent], others
        )
        if beside.state is not None:
            layout = quorum.layout_of(self._plans.of(project.plan_sha256))
            below = gradient_checks.variance_below_zero(vectors, layout, beside.state, beside.momentum)
            found = (*found, below) if below else found
        return Look(None, facts.norm, facts.loss, found)

    def _seed(self, project: Project, unit: Unit) -> int:
        """One for all units of a round, and known to nobody outside."""
        return int(replication.draw(self._secret, "sketch", project.id, unit.round) * 2**53)

    def _beside(self, project: Project, round_: Round, unit: Unit) -> _Beside:
        # By its row: when a project has gone back there is another round of that number.
        key = round_.id
        found = self._rounds.get(key)
        if found is None:
            since = unit.round - _RECENT_ROUNDS
            recent = self._stores.opinions.recent_facts(project.id, since, _MOST_FACTS)
            found = self._rounds[key] = _Beside(recent, self._state(project, unit), self._momentum(project))
            if len(self._rounds) > _ROUNDS_KEPT:
                self._rounds.popitem(last=False)
        return found

    def _state(self, project: Project, unit: Unit) -> NDArray[np.float32] | None:
        checkpoint = self._stores.checkpoints.get(project.id, unit.round) if project.moving_size else None
        if checkpoint is None or not checkpoint.weights_sha256:
            return None
        return np.asarray(load(self._stores.blobs.path(checkpoint.weights_sha256))[0]["moving"], np.float32)

    def _momentum(self, project: Project) -> NDArray[np.float64]:
        specs = self._plans.of(project.plan_sha256).of_role(Role.moving)
        return np.concatenate([np.full(spec.size, spec.momentum or 0.0) for spec in specs] or [np.zeros(0)])


def _is_finite(vector: NDArray[np.floating]) -> bool:
    return all(np.isfinite(vector[at : at + _BLOCK]).all() for at in range(0, len(vector), _BLOCK))
