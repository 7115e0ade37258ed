"""Carries out what the judge has decided of a unit: who was right, who was wrong, and what follows from it."""

import datetime as dt
from collections.abc import Collection

from server.domain.awake import policy_for
from server.domain.going_back import GoingBack
from server.domain.judge import Ruling
from server.domain.notices import Notices
from server.domain.quarantine import Quarantine
from server.domain.verdicts import Verdicts
from server.rules import replication, reputation
from server.rules.states import AuditState, ProjectState, ResultState, RoundState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Round, Unit

ENOUGH = "Enough other hosts have computed it."
NOBODY_AGREES = "No two hosts agree on this project's numbers."
ONE_KIND = (
    "Machines of different kinds compute other gradients of this model, those of one kind the same. From now on only "
    "machines of one kind are compared with each other. Nobody is blamed."
)
_ROUNDS_COMPARED = 3
_LEAST_TRUSTED = 2


class Settling:
    def __init__(
        self, stores: Stores, verdicts: Verdicts, quarantine: Quarantine, going_back: GoingBack, notices: Notices,
        policy: ValidationPolicy,
    ) -> None:  # fmt: skip
        self._stores = stores
        self._policy = policy
        self._verdicts = verdicts
        self._quarantine = quarantine
        self._going_back = going_back
        self._notices = notices

    def carry_out(self, ruling: Ruling, now: dt.datetime) -> bool:
        """Whether it still held. Inside the caller's transaction. Raises SomebodyElseWasFirst."""
        unit = self._stores.work.unit(ruling.unit)
        speaking = {result.id: result for result in self._stores.opinions.of(unit.id)}
        if ruling.present != speaking.keys():
            return False
        project = self._stores.projects.by_id(unit.project_id)
        round_ = self._stores.rounds.get(project.id, unit.round)
        if not ruling.decision.settled:
            self._ask_more(project, round_, unit, ruling, now)
            return True
        off = ruling.decision.refuted | ruling.decision.unclear
        if off and self._is_the_projects_fault(project, unit, ruling, speaking):
            self._blame_nobody(project, unit, ruling, speaking, now)
            return True
        self._settle(project, round_, unit, ruling, speaking, now)
        return True

    def _ask_more(self, project: Project, round_: Round, unit: Unit, ruling: Ruling, now: dt.datetime) -> None:
        """They disagree: what counted on trust does not count meanwhile, where it is not too late for that."""
        if unit.state is UnitState.valid and round_.state is RoundState.open:
            self._verdicts.uncount(project, round_, unit)
        speaking = len(self._stores.opinions.of(unit.id))
        more = ruling.decision.want - len(ruling.heard)
        if more > 0:
            self._verdicts.seek(unit, speaking + more, now)
            return
        # As many as may be asked contradict each other: only a referee can say.
        self._stores.opinions.end_search(unit)
        self._stores.opinions.set_audit(unit, AuditState.wanted)

    def _settle(
        self, project: Project, round_: Round, unit: Unit, ruling: Ruling, speaking: dict[int, Result],
        now: dt.datetime,
    ) -> None:  # fmt: skip
        decision = ruling.decision
        standing = unit.canonical if unit.state is UnitState.valid else None
        self._note_audit(unit, ruling, standing)
        for number in sorted(decision.refuted):
            self._verdicts.refute(speaking[number], now)
        too_late = standing in decision.refuted and round_.state is not RoundState.open
        if too_late:
            self._stores.opinions.refuted(unit, round_, now)
        elif standing in decision.refuted | decision.unclear and round_.state is RoundState.open:
            self._replace(unit, speaking[standing or 0], decision.canonical)
        elif unit.state is UnitState.open and round_.state is RoundState.open and decision.canonical is not None:
            self._verdicts.count(project, round_, unit, speaking[decision.canonical], now)
        for number in sorted(decision.agreeing):
            self._verdicts.confirm(project, unit, speaking[number], now)
        not_finite = self._not_finite(unit, speaking, ruling)
        for result in not_finite:
            self._stores.opinions.note_facts(result, 0.0, 0.0, "Its numbers were not finite.")
            self._verdicts.refute(result, now)
        self._doubt(ruling, speaking, now)
        self._clear(project, unit, ruling, now)
        self._stores.opinions.end_search(unit)
        self._verdicts.end_leases(unit, ENOUGH, now)
        off = [speaking[number] for number in sorted(decision.refuted | decision.unclear)] + not_finite
        self._follow_up(project, unit, off, too_late, now)

    def _doubt(self, ruling: Ruling, speaking: dict[int, Result], now: dt.datetime) -> None:
        right = {speaking[number].host_id for number in ruling.decision.agreeing - ruling.referees}
        volunteers = len(set(self._stores.hosts.accounts_by_host(right).values()))
        for number in sorted(ruling.decision.unclear):
            self._verdicts.doubt(speaking[number], volunteers, now)

    def _clear(self, project: Project, unit: Unit, ruling: Ruling, now: dt.datetime) -> None:
        for result in self._stores.opinions.contradicted(unit.id) if ruling.cleared else ():
            if result.id in ruling.cleared:
                self._verdicts.clear(project, unit, result, now)
                self._quarantine.reconsider(result.host_id, now)

    def _replace(self, unit: Unit, standing: Result, canonical: int | None) -> None:
        """There is a better one while it can still be exchanged."""
        self._stores.opinions.stand(unit, canonical)
        if standing.state is ResultState.valid:
            self._stores.work.move(standing, ResultState.held)

    def _follow_up(
        self, project: Project, unit: Unit, off: Collection[Result], too_late: bool, now: dt.datetime
    ) -> None:
        for host_id in sorted({result.host_id for result in off}):
            self._quarantine.consider(host_id, now)
        if not (too_late and self._going_back.consider(project, unit.round, now)):
            self._verdicts.close_if_enough(project, unit.round, now)

    def _not_finite(self, unit: Unit, speaking: dict[int, Result], ruling: Ruling) -> list[Result]:
        """Results without finite numbers where others agree on quite usual ones: it was not the model."""
        if any(speaking[number].suspicion for number in ruling.decision.agreeing):
            return []
        return [one for one in self._stores.work.results_of(unit.id) if one.state is ResultState.not_finite]

    def _note_audit(self, unit: Unit, ruling: Ruling, standing: int | None) -> None:
        if ruling.referees:
            right = standing is None or standing in ruling.decision.agreeing
            self._stores.opinions.set_audit(unit, AuditState.agreed if right else AuditState.refuted)

    def _is_the_projects_fault(
        self, project: Project, unit: Unit, ruling: Ruling, speaking: dict[int, Result]
    ) -> bool:
        right, wrong = self._stores.opinions.hosts_compared(project.id, unit.round - _ROUNDS_COMPARED)
        right |= {speaking[number].host_id for number in ruling.decision.agreeing - ruling.referees}
        off = (ruling.decision.refuted | ruling.decision.unclear) - ruling.referees
        wrong |= {speaking[number].host_id for number in off}
        # By volunteer: one's machines must not pass for nearly all.
        agreed, erred = self._stores.hosts.accounts_of(right), self._stores.hosts.accounts_of(wrong)
        return reputation.project_is_to_blame(len(agreed | erred), len(erred - agreed))

    def _blame_nobody(
        self, project: Project, unit: Unit, ruling: Ruling, speaking: dict[int, Result], now: dt.datetime
    ) -> None:
        """When nearly every host is found wrong, it is the model whose numbers nobody can repeat, or only machines of
        the same kind."""
        for result in speaking.values():
            if result.state is ResultState.held:
                self._verdicts.dismiss(result, NOBODY_AGREES, now)
        self._stores.opinions.end_search(unit, opinions=1)
        if unit.audit is AuditState.wanted:
            self._stores.opinions.set_audit(unit, AuditState.impossible)
        if ruling.by_class and self._are_to_be_believed(project, ruling, speaking):
            self._stores.projects.set_homogeneous(project.id, True)
            self._stores.projects.say(project.id, ONE_KIND, now)
        elif project.state is ProjectState.running:
            reason = (
                f"its hosts do not agree on the gradients of round {unit.round}, and not one of them alone is to "
                "blame: the same mini-batches give other numbers each time. Look for a layer whose results differ "
                "from run to run, or resume it to try again; where only machines of different kinds disagree, say on "
                "the project's page that those of one kind are to be compared."
            )
            self._notices.needs_attention(project, reason, now)

    def _are_to_be_believed(self, project: Project, ruling: Ruling, speaking: dict[int, Result]) -> bool:
        """Against a referee only two trusted accounts are: else any two that lie alike could get rid of referees by
        saying that they are machines of another kind."""
        if not ruling.referees:
            return True
        policy, trusted = policy_for(self._policy, project), set()
        for number in ruling.decision.refuted | ruling.decision.unclear:
            host = self._stores.hosts.by_id(speaking[number].host_id)
            account = self._stores.accounts.by_id(host.account_id)
            if account is not None and replication.is_trusted(policy, host.trust, account.trust):
                trusted.add(account.id)
        return len(trusted) >= _LEAST_TRUSTED
