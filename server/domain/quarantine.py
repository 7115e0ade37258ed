"""Puts a host out of the grid that was found wrong too often, and takes what only it says out of what is open."""

import datetime as dt

from server.domain.action_log import ActionLog
from server.domain.notices import Notices
from server.domain.plans import Plans
from server.domain.verdicts import CLEARED, Verdicts
from server.rules import reputation
from server.rules.states import AuditState, ResultState, RoundState, UnitState
from server.storage.stores import Stores
from server.storage.tables import Host, Unit

IN_QUARANTINE = "Its machine is in quarantine."
_OPINIONS = 2
_LOOKED_AT_AGAIN = 5


class Quarantine:
    def __init__(self, stores: Stores, plans: Plans, notices: Notices) -> None:
        self._stores = stores
        self._verdicts = Verdicts(stores, plans)
        self._notices = notices
        self._log = ActionLog(stores)

    def consider(self, host_id: int, now: dt.datetime) -> bool:
        """Whether its record makes it one. Inside the caller's transaction, as all here."""
        host = self._stores.hosts.by_id(host_id)
        if host.is_referee:
            return False
        if not self._must(host):
            self._look_again(host, now)
            return False
        return self.impose(host, reputation.quarantine_sentence(*self._stores.opinions.record(host)), None, now)

    def reconsider(self, host_id: int, now: dt.datetime) -> None:
        """Let it out again if its record was what put it in, and does so no more."""
        host = self._stores.hosts.by_id(host_id)
        by_record = host.quarantined_at is not None and host.quarantine_reason.startswith(reputation.BY_RECORD)
        if not by_record or self._must(host):
            return
        self._stores.opinions.let_out(host.id)
        self._stores.hosts.appeal(host.id, "", None)
        self._log.note(None, "released machine", f"{host.name} ({host.id})", CLEARED, now)
        self._notices.released(host, CLEARED, now)

    def _must(self, host: Host) -> bool:
        confirmed, refuted, _ = self._stores.opinions.record(host)
        recent = self._stores.opinions.recent_verdicts(host, reputation.RECENT)
        return reputation.must_quarantine(confirmed, refuted, recent)

    def _look_again(self, host: Host, now: dt.datetime) -> None:
        """At the last that counted on trust: one error may be a flipped bit; who has lied all along must not get away
        with all but the one that was checked."""
        for unit in self._stores.opinions.vouched_by_nobody_else(host.id)[-_LOOKED_AT_AGAIN:]:
            if not unit.seeks and unit.audit is AuditState.none:
                self._verdicts.seek(unit, _OPINIONS, now)

    def impose(self, host: Host, reason: str, actor_id: int | None, now: dt.datetime) -> bool:
        """Whether it was not in quarantine before. `actor_id`: the operator who did it, or None: its record."""
        if not self._stores.opinions.quarantine(host.id, reason, now):
            return False
        self._log.note(actor_id, "quarantined machine", f"{host.name} ({host.id})", reason, now)
        self._notices.quarantined(host, reason, now)
        for result in self._stores.work.leased_to(host.id):
            self._stores.work.move(result, ResultState.cancelled, ended_at=now, sentence=IN_QUARANTINE)
        for unit in self._stores.opinions.vouched_by_nobody_else(host.id):
            self._doubt(unit, now)
        for result in self._stores.opinions.held_of_host(host.id):
            self._verdicts.dismiss(result, IN_QUARANTINE, now)
            self._leave_to_others(result.unit_id, now)
        return True

    def release(self, host: Host, now: dt.datetime) -> None:
        """It gets work again, and earns trust anew; what it was found wrong in does not count against it any more."""
        self._stores.opinions.forgive(host)

    def _doubt(self, unit: Unit, now: dt.datetime) -> None:
        """Only hosts in quarantine speak for it: out of the round while it is open; later, others are asked."""
        project = self._stores.projects.by_id(unit.project_id)
        round_ = self._stores.rounds.get(project.id, unit.round)
        speaking = self._stores.opinions.of(unit.id)
        if round_.state is RoundState.open:
            self._verdicts.uncount(project, round_, unit)
            for result in self._stores.opinions.of(unit.id):
                if self._stores.hosts.by_id(result.host_id).quarantined_at is not None:
                    self._verdicts.dismiss(result, IN_QUARANTINE, now)
            self._leave_to_others(unit.id, now)
        elif len(speaking) < _OPINIONS:
            self._verdicts.seek(unit, _OPINIONS, now)
        elif unit.audit is AuditState.none:
            # Accomplices have agreed on it: whom the grid trusts is asked.
            self._stores.opinions.set_audit(unit, AuditState.wanted)

    def _leave_to_others(self, unit_id: int, now: dt.datetime) -> None:
        """A unit of which nobody else speaks is as if nobody had computed it."""
        unit = self._stores.work.unit(unit_id)
        if not self._stores.opinions.of(unit_id):
            self._stores.opinions.end_search(unit, opinions=1)
            if unit.state is not UnitState.open:
                self._verdicts.end_leases(unit, "Nothing is left to be checked.", now)
