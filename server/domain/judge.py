"""Reads what results of one unit say, and decides which of them agree. Changes nothing; reads outside transactions."""

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.domain.awake import is_trusted, policy_for
from server.domain.plans import Plans
from server.rules import quorum
from server.rules.numeric_class import Speaker, differ_by_class
from server.rules.states import Purpose
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Unit
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.tensors import load


@dataclass(frozen=True)
class Ruling:
    """`heard` are the results that it goes by; it holds only as long as `present` are all that speak of the unit.

    `cleared`: results found wrong before that a referee agrees with; `by_class`: it is the kinds of machines that
    disagree, not single machines.
    """

    unit: int
    present: frozenset[int]
    heard: frozenset[int]
    referees: frozenset[int]
    decision: quorum.Decision
    cleared: frozenset[int] = frozenset()
    by_class: bool = False


class Judge:
    def __init__(self, stores: Stores, plans: Plans, policy: ValidationPolicy) -> None:
        self._stores = stores
        self._plans = plans
        self._policy = policy

    def ruling(self, unit: Unit, project: Project, need: int) -> Ruling | None:
        """What the opinions on the unit come to; None where not even two of them can be read any more.

        need: how many must agree.
        """
        speaking = self._stores.opinions.of(unit.id)
        readable = self._readable(speaking)
        if len(readable) < 2:
            return None
        opinions = [self._opinion(result) for result in readable.values()]
        referees = [opinion.result for opinion in opinions if opinion.referee]
        before = self._readable(self._stores.opinions.contradicted(unit.id)) if referees else {}
        agreement = self._agreement(project, unit, readable | before)
        decision = quorum.decide(opinions, agreement, need)
        if self._rests_on_nobodies(project, decision, readable):
            # As many as may be asked have spoken: a referee is next.
            decision = quorum.open_question(len(opinions))
        # Liars may have outvoted it: who knows better has spoken only now.
        word = [number for number in referees if number in decision.agreeing]
        cleared = {n for n in before if word and agreement(n, word[0]) is quorum.Agreement.agree}
        by_class = bool(decision.refuted | decision.unclear) and not project.homogeneous and differ_by_class(
            [self._speaker(result) for result in readable.values()],
            lambda one, other: agreement(one, other) is quorum.Agreement.agree,
        )
        return Ruling(
            unit.id, frozenset(one.id for one in speaking), frozenset(readable), frozenset(referees), decision,
            frozenset(cleared), by_class,
        )  # fmt: skip

    def _speaker(self, result: Result) -> Speaker:
        host = self._stores.hosts.by_id(result.host_id)
        return Speaker(result.id, host.account_id, host.numeric_class)

    def _rests_on_nobodies(
        self, project: Project, decision: quorum.Decision, readable: Mapping[int, Result]
    ) -> bool:
        """Whether only hosts without trust say so, against others or with gradients that look odd, each of them.

        Fresh accounts cost nothing, and liars of one kind agree: two that send zeros would have honest hosts put out.
        Not where the server cannot be the referee.
        """
        if not decision.settled or decision.referee or project.homogeneous:
            return False
        policy = policy_for(self._policy, project)
        if any(self._is_trusted(policy, readable[number]) for number in decision.agreeing):
            return False
        contradicted = decision.refuted | decision.unclear
        return bool(contradicted) or all(readable[number].suspicion for number in decision.agreeing)

    def _is_trusted(self, policy: ValidationPolicy, result: Result) -> bool:
        host = self._stores.hosts.by_id(result.host_id)
        account = self._stores.accounts.by_id(host.account_id)
        return is_trusted(policy, host.trust, account.trust if account else 0, bool(host.is_referee))

    def _readable(self, results: Collection[Result]) -> dict[int, Result]:
        return {r.id: r for r in results if r.gradient_sha256 and self._stores.blobs.has(r.gradient_sha256)}

    def _agreement(
        self, project: Project, unit: Unit, results: Mapping[int, Result]
    ) -> Callable[[int, int], quorum.Agreement]:
        layout = quorum.layout_of(self._plans.of(project.plan_sha256))
        state = self._state(project, unit)

        @functools.lru_cache(maxsize=2)
        def read(result_id: int) -> quorum.Vectors:
            return self._vectors(results[result_id])

        @functools.cache
        def agreement(pair: frozenset[int]) -> quorum.Agreement:
            one, other = sorted(pair)
            return quorum.compare(read(one), read(other), layout, state).agreement

        return lambda one, other: agreement(frozenset((one, other)))

    def _opinion(self, result: Result) -> quorum.Opinion:
        host = self._stores.hosts.by_id(result.host_id)
        return quorum.Opinion(result.id, host.account_id, bool(host.is_referee) or result.purpose is Purpose.audit)

    def _vectors(self, result: Result) -> quorum.Vectors:
        blob = GradientBlob.decode(self._stores.blobs.path(result.gradient_sha256).read_bytes())
        return quorum.Vectors(blob.gradient, blob.moving, blob.sums, blob.examples)

    def _state(self, project: Project, unit: Unit) -> NDArray[np.float32] | None:
        """The moving statistics that the unit started from, while they are kept."""
        checkpoint = self._stores.checkpoints.get(project.id, unit.round) if project.moving_size else None
        if checkpoint is None or not checkpoint.weights_sha256:
            return None
        return np.asarray(load(self._stores.blobs.path(checkpoint.weights_sha256))[0]["moving"], np.float32)
