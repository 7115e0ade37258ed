"""Puts a host out of the grid that was found wrong too often, and takes what only it says out of what is open."""

import datetime as dt

from server.domain.action_log import ActionLog
from server.domain.notices import Notices
from server.domain.plans import Plans
from server.domain.verdicts import Verdicts
from server.rules import reputation
from server.rules.states import ResultState, RoundState, UnitState
from server.storage.stores import Stores
from server.storage.tables import Host, Unit

IN_QUARANTINE = "Its machine is in quarantine."
_OPINIONS = 2


class Quarantine:
    def __init__(self, stores: Stores, plans: Plans, notices: Notices) -> None:
        self._stores = stores
        self._verdicts = Verdicts(stores, plans)
        self._notices = notices
        self._log = ActionLog(stores)

    def consider(self, host_id: int, now: dt.datetime) -> bool:
        """Whether its record makes it one. Inside the caller's transaction, as all here."""
        host = self._stores.hosts.by_id(host_id)
        recent = self._stores.opinions.recent_errors(host_id, reputation.RECENT)
        if host.is_referee or not reputation.must_quarantine(host.confirmed, host.refuted, recent):
            return False
        return self.impose(host, reputation.quarantine_sentence(host.confirmed, host.refuted), None, now)

    def impose(self, host: Host, reason: str, actor_id: int | None, now: dt.datetime) -> bool:
        """Whether it was not in quarantine before. `actor_id`: the operator who did it, or None: its record."""
        if not self._stores.opinions.quarantine(host.id, reason, now):
            return False
        self._log.note(actor_id, "quarantined machine", f"{host.name} ({host.id})", reason, now)
        self._notices.quarantined(host, reason, now)
        for result in self._stores.work.leased_to(host.id):
            self._stores.work.move(result, ResultState.cancelled, ended_at=now, sentence=IN_QUARANTINE)
        for unit in self._stores.opinions.unconfirmed_of_host(host.id):
            self._doubt(unit, now)
        for result in self._stores.opinions.held_of_host(host.id):
            self._verdicts.dismiss(result, IN_QUARANTINE, now)
            self._leave_to_others(result.unit_id, now)
        return True

    def release(self, host: Host, now: dt.datetime) -> None:
        """It gets work again, and earns trust anew; what it was found wrong in does not count against it any more."""
        self._stores.opinions.forgive(host.id)

    def _doubt(self, unit: Unit, now: dt.datetime) -> None:
        """Nobody but that host speaks for it: out of the round while it is open; later, others are asked."""
        project = self._stores.projects.by_id(unit.project_id)
        round_ = self._stores.rounds.get(project.id, unit.round)
        if round_.state is RoundState.open:
            self._verdicts.uncount(project, round_, unit)
        else:
            self._verdicts.seek(unit, _OPINIONS, now)

    def _leave_to_others(self, unit_id: int, now: dt.datetime) -> None:
        """A unit of which nobody else speaks is as if nobody had computed it."""
        unit = self._stores.work.unit(unit_id)
        if not self._stores.opinions.of(unit_id):
            self._stores.opinions.end_search(unit, opinions=1)
            if unit.state is not UnitState.open:
                self._verdicts.end_leases(unit, "Nothing is left to be checked.", now)
