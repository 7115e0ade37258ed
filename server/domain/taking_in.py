"""What becomes of one reported result by itself: it counts at once, waits for others' opinions, or is not needed.

Reads no gradient: what was seen in it comes as a Look.
"""

import datetime as dt

from server.domain.awake import policy_for
from server.domain.going_back import WENT_BACK
from server.domain.looking import Look
from server.domain.quarantine import IN_QUARANTINE
from server.domain.rejecting import Rejecting
from server.domain.verdicts import ANOTHER_FIRST, Verdicts
from server.rules import quorum, replication
from server.rules.states import AuditState, Purpose, ResultState, RoundState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Host, Project, Result, Round, Unit

CAME_LATE = "It came after it was needed."
OTHER_PART = "It covers another part than the unit."
SAME_OWNER = "Another machine of the same account has spoken of this unit; a second opinion must be somebody else's."
OTHER_CLASS = "Only machines of one kind can be compared in this project, and this one is of another."
ENOUGH_SPOKEN = "As many others have spoken of this unit as are heard."
NOTHING_TO_CHECK = "What it was to check is not there any more."
_LEAST_OPINIONS = 2


def opinions_needed(policy: ValidationPolicy, project: Project) -> int:
    """How many must agree, once more than one was asked at all."""
    return max(policy_for(policy, project).quorum, _LEAST_OPINIONS)


class TakingIn:
    def __init__(
        self, stores: Stores, verdicts: Verdicts, rejecting: Rejecting, policy: ValidationPolicy, secret: bytes
    ) -> None:
        self._stores = stores
        self._verdicts = verdicts
        self._rejecting = rejecting
        self._policy = policy
        self._secret = secret

    def take(self, result: Result, look: Look, now: dt.datetime) -> None:
        """Inside the caller's transaction. Raises SomebodyElseWasFirst, NotFound."""
        unit = self._stores.work.unit(result.unit_id)
        project = self._stores.projects.by_id(result.project_id)
        if unit.state is UnitState.undone:
            self._stores.work.move(result, ResultState.unneeded, sentence=WENT_BACK)
            return
        round_ = self._stores.rounds.get(project.id, unit.round)
        policy = policy_for(self._policy, project)
        is_open = unit.state is UnitState.open and round_.state is RoundState.open
        if not is_open and policy.believes_all and result.purpose is not Purpose.audit:
            self._stores.work.move(result, ResultState.unneeded, sentence=CAME_LATE)
        elif result.delivered != unit.size:
            # The unit was split by another host's prefix after this one had reported.
            self._stores.work.move(result, ResultState.unneeded, sentence=OTHER_PART)
        elif look.flaw is not None:
            self._rejecting.reject(project, unit, result, look.flaw, now)
        else:
            self._stores.opinions.note_facts(result, look.norm, look.loss, " ".join(look.suspicions)[:500])
            self._sound(project, round_, unit, result, policy, now)

    def _sound(
        self, project: Project, round_: Round, unit: Unit, result: Result, policy: ValidationPolicy, now: dt.datetime
    ) -> None:
        """Nothing is wrong with it in itself."""
        is_open = unit.state is UnitState.open and round_.state is RoundState.open
        host = self._stores.hosts.by_id(result.host_id)
        others = self._stores.opinions.of(unit.id)
        referee = bool(host.is_referee) or result.purpose is Purpose.audit
        unwanted = "" if referee else self._why_unwanted(project, host, others)
        if unwanted:
            self._stores.work.move(result, ResultState.unneeded, sentence=unwanted)
        elif policy.believes_all and is_open and not others:
            self._believe(project, round_, unit, result, 0.0, now)
        elif referee and result.purpose is Purpose.audit and (others or not is_open):
            self._hear_referee(unit, result, others)
        elif self._is_trusted(policy, host, referee) and not result.suspicion and not others:
            chance = 0.0 if referee else self._chance(policy, host, unit)
            if is_open:
                self._believe(project, round_, unit, result, chance, now)
            elif self._is_drawn(unit, result, chance):
                self._verdicts.hold(unit, result, opinions_needed(self._policy, project), now)
            else:
                self._verdicts.thank(project, unit, result, now, CAME_LATE)
        else:
            self._verdicts.hold(unit, result, opinions_needed(self._policy, project), now)

    def _believe(
        self, project: Project, round_: Round, unit: Unit, result: Result, chance: float, now: dt.datetime
    ) -> None:
        """It counts. Whether it is checked afterwards is drawn from what was uploaded, so nobody can know before."""
        self._verdicts.count(project, round_, unit, result, now)
        if self._is_drawn(unit, result, chance):
            self._verdicts.seek(unit, opinions_needed(self._policy, project), now)
        else:
            self._verdicts.end_leases(unit, ANOTHER_FIRST, now)
        self._verdicts.close_if_enough(project, unit.round, now)

    def _hear_referee(self, unit: Unit, result: Result, others: list[Result]) -> None:
        """It is an opinion like others, that outranks them; without any there is nothing to be compared with."""
        if others:
            self._stores.work.move(result, ResultState.held)
            return
        self._stores.work.move(result, ResultState.unneeded, sentence=NOTHING_TO_CHECK)
        if unit.audit is AuditState.wanted:
            self._stores.opinions.set_audit(unit, AuditState.impossible)

    def _why_unwanted(self, project: Project, host: Host, others: list[Result]) -> str:
        if host.quarantined_at is not None:
            return IN_QUARANTINE
        if len(others) >= quorum.MOST_OPINIONS:
            # Who agrees with whom is asked of every set of them.
            return ENOUGH_SPOKEN
        spoken = [self._stores.hosts.by_id(other.host_id) for other in others]
        if any(other.account_id == host.account_id and not other.is_referee for other in spoken):
            return SAME_OWNER
        if project.homogeneous and any(other.numeric_class != host.numeric_class for other in spoken):
            return OTHER_CLASS
        return ""

    def _is_trusted(self, policy: ValidationPolicy, host: Host, referee: bool) -> bool:
        account = self._stores.accounts.by_id(host.account_id)
        return replication.is_trusted(policy, host.trust, account.trust if account else 0, referee)

    def _chance(self, policy: ValidationPolicy, host: Host, unit: Unit) -> float:
        """Of a check. Where another host had numbers that were not finite, somebody must say whose fault that was."""
        if any(one.state is ResultState.not_finite for one in self._stores.work.results_of(unit.id)):
            return 1.0
        return replication.check_probability(policy, host.trust)

    def _is_drawn(self, unit: Unit, result: Result, chance: float) -> bool:
        return chance > 0 and replication.draw(self._secret, unit.id, result.digest) < chance
