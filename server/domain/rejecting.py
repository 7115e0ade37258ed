"""What follows from a gradient that cannot be used as it is: unreadable, or its numbers are not finite."""

import datetime as dt

from server.domain.awake import Awake, policy_for
from server.domain.hopeless import Hopeless
from server.domain.notices import Notices
from server.domain.quarantine import Quarantine
from server.rules import retries
from server.rules.states import AuditState, ProjectState, Purpose, ResultState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import Stores
from server.storage.tables import Project, Result, Unit

NOT_FINITE = "The numbers are not finite. Nobody is blamed for that: a model that diverges gives such numbers."
UNREADABLE = "The upload cannot be read."


class Rejecting:
    def __init__(self, stores: Stores, notices: Notices, quarantine: Quarantine, policy: ValidationPolicy) -> None:
        self._stores = stores
        self._notices = notices
        self._quarantine = quarantine
        self._policy = policy

    def reject(self, project: Project, unit: Unit, result: Result, flaw: ResultState, now: dt.datetime) -> None:
        """Inside the caller's transaction."""
        self._stores.work.move(result, flaw, sentence=NOT_FINITE if flaw is ResultState.not_finite else UNREADABLE)
        if result.purpose is Purpose.audit and unit.audit is AuditState.wanted:
            self._stores.opinions.set_audit(unit, AuditState.impossible)
        if flaw is ResultState.invalid and not policy_for(self._policy, project).believes_all:
            self._stores.opinions.note_facts(result, 0.0, 0.0, UNREADABLE)
            self._stores.opinions.blame(self._stores.hosts.by_id(result.host_id))
            self._quarantine.consider(result.host_id, now)
        failures = self._stores.work.count_failure(unit.id)
        if unit.state is not UnitState.open or project.state is not ProjectState.running:
            return
        since = project.running_since or project.created_at
        found = self._stores.work.ended_as(project.id, unit.round, ResultState.not_finite, since)
        if self._model_diverged(project, found, now):
            reason = (
                f"the model diverged in round {unit.round}: its loss or gradients are not finite numbers. The weights "
                "of the last closed round are kept: download them and start a new project from them with a smaller "
                "learning rate."
            )
        elif self._is_hopeless(project, unit.id, now):
            reason = f"the same unit failed {failures} times in round {unit.round}."
        else:
            return
        self._notices.needs_attention(project, reason, now)

    def _is_hopeless(self, project: Project, unit_id: int, now: dt.datetime) -> bool:
        hopeless = Hopeless(self._stores, self._policy, Awake(self._stores, self._policy, now))
        return hopeless.is_so(project, self._stores.work.unit(unit_id), self._stores.work.results_of(unit_id))

    def _model_diverged(self, project: Project, found: list[Result], now: dt.datetime) -> bool:
        """Where hosts are not simply believed, two trusted accounts must say so; where one is awake, that one and
        another: fresh accounts cost nothing."""
        awake = Awake(self._stores, self._policy, now).givers(project)
        weighs = not policy_for(self._policy, project).believes_all
        trusted = {one.account for one in awake if one.trusted and weighs}
        by_account = self._stores.hosts.accounts_by_host(result.host_id for result in found)
        if trusted and not trusted & {*by_account.values()}:
            return False
        said = [r for r in found if len(trusted) < retries.NON_FINITE_OPINIONS or by_account[r.host_id] in trusted]
        accounts = {by_account[result.host_id] for result in said}
        others = {one.account for one in awake} - accounts
        return retries.model_diverged(len(accounts), len({r.host_id for r in said}), len(said), bool(others))
