"""Hosts' records: what operators see of them, and do to them: quarantine, release, answer appeals, make referees."""

import datetime as dt

from server.domain.action_log import ActionLog
from server.domain.notices import Notices
from server.domain.office import require_operator, require_words
from server.domain.ports import Ring
from server.domain.quarantine import Quarantine
from server.errors import NotAllowedNow, NotFound
from server.rules.replication import is_trusted
from server.rules.states import Purpose, ResultState
from server.rules.validation_policy import ValidationPolicy
from server.storage.records import HostRow
from server.storage.stores import Stores
from server.storage.tables import Host
from volunteer.protocol import account_messages as views
from volunteer.protocol import operator_messages as m

NO_REFEREE = "Its machine is no referee any more."
_LATELY = dt.timedelta(days=7)
HOSTS_A_PAGE = 200
_MOST_AUDITS = 200
_MOST_RESULTS = 50


class HostRecords:
    """Every method raises NotFound to who is no operator, and for a machine that was detached."""

    def __init__(
        self, stores: Stores, quarantine: Quarantine, notices: Notices, ring: Ring, policy: ValidationPolicy
    ) -> None:
        self._stores = stores
        self._quarantine = quarantine
        self._notices = notices
        self._ring = ring
        self._policy = policy
        self._log = ActionLog(stores)

    def hosts(
        self, operator_id: int, which: m.Which, search: str, now: dt.datetime, page: int = 1
    ) -> list[views.HostRow]:
        """HOSTS_A_PAGE of them; the first page is 1."""
        require_operator(self._stores, operator_id)
        return host_rows(self._stores, which, search, now, page)

    def record(self, operator_id: int, host_id: int, now: dt.datetime) -> m.HostRecord:
        require_operator(self._stores, operator_id)
        with self._stores.database.read():
            host, row = self._host(host_id), self._stores.records.host(host_id, now - _LATELY)
            if row is None:
                raise NotFound("There is no such machine.")
            return m.HostRecord(
                host=_view(row), may_be_referee=self._is_an_operators(host),
                trusted=is_trusted(self._policy, row.trust, row.account_trust, bool(row.is_referee)),
                trust_after=self._policy.trust_after, account_hosts=len(self._stores.hosts.of_account(row.account_id)),
                account_quarantined=self._stores.records.quarantined_of(row.account_id),
                numeric_class=host.numeric_class,
                results=[
                    m.JudgedResult(
                        id=one.id, project_id=one.project_id, project=one.project, round=one.round,
                        mini_batches=one.mini_batches, purpose=one.purpose, state=one.state,
                        ended_at=_instant(one.ended_at), suspicion=one.suspicion, sentence=one.sentence,
                        confirmed_at=_instant(one.confirmed_at),
                    )
                    for one in self._stores.records.judged(host_id, _MOST_RESULTS)
                ],
            )  # fmt: skip

    def quarantine(self, operator_id: int, host_id: int, reason: str, now: dt.datetime) -> None:
        """By hand, whatever its record. Its owner reads the reason. Raises NotAllowedNow, NotAcceptable."""
        reason = require_words(reason)
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            host = self._host(host_id)
            if host.is_referee:
                raise NotAllowedNow("This machine is a referee: its word outranks the others'. Take that office first.")
            if not self._quarantine.impose(host, reason, operator_id, now):
                raise NotAllowedNow("This machine is in quarantine already.")
        self._ring("rounds")

    def release(self, operator_id: int, host_id: int, reason: str, now: dt.datetime) -> None:
        """It gets work again, and earns trust anew. Raises NotAllowedNow, NotAcceptable."""
        reason = require_words(reason)
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            host = self._quarantined(host_id)
            self._quarantine.release(host, now)
            self._stores.hosts.appeal(host.id, "", None)
            self._notices.released(host, reason, now)
            self._note(operator_id, "released machine", host, reason, now)
        self._ring("rounds")

    def refuse_appeal(self, operator_id: int, host_id: int, answer: str, now: dt.datetime) -> None:
        """It stays in quarantine; its owner reads the answer. Raises NotAllowedNow, NotAcceptable."""
        answer = require_words(answer)
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            host = self._quarantined(host_id)
            if host.appealed_at is None or host.appeal_answer:
                raise NotAllowedNow("No appeal of this machine waits for an answer.")
            self._stores.hosts.appeal(host.id, host.appeal, host.appealed_at, answer)
            self._notices.appeal_refused(host, answer, now)
            self._note(operator_id, "refused the appeal of machine", host, answer, now)

    def appoint_referee(self, operator_id: int, host_id: int, now: dt.datetime) -> None:
        """Its opinion outranks all agreement of others: only for machines of operators. Raises NotAllowedNow."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            host = self._host(host_id)
            if not self._is_an_operators(host):
                raise NotAllowedNow("A referee's word outranks everybody's: it must be a machine of an operator.")
            if host.quarantined_at is not None:
                raise NotAllowedNow("This machine is in quarantine.")
            self._stores.records.set_referee(host.id, True)
            self._note(operator_id, "made a referee of machine", host, "", now)
        self._ring("rounds")

    def _is_an_operators(self, host: Host) -> bool:
        owner = self._stores.accounts.by_id(host.account_id)
        return owner is not None and bool(owner.is_operator)

    def dismiss_referee(self, operator_id: int, host_id: int, now: dt.datetime) -> None:
        """What it has said stays. Raises NotAllowedNow."""
        with self._stores.database.write():
            require_operator(self._stores, operator_id)
            host = self._host(host_id)
            if not host.is_referee:
                raise NotAllowedNow("This machine is no referee.")
            end_office(self._stores, host, now)
            self._note(operator_id, "took the referee's office from machine", host, "", now)

    def audits(self, operator_id: int, now: dt.datetime) -> m.Audits:
        require_operator(self._stores, operator_id)
        with self._stores.database.read():
            counts = self._stores.records.audits()
            return m.Audits(
                **{verdict: counts.get(verdict, 0) for verdict in ("wanted", "agreed", "refuted", "impossible")},
                referees=self._stores.records.referees(),
                units=[
                    m.AuditedUnit(
                        row.unit, row.project_id, row.project, row.round, row.mini_batches, row.verdict,
                        row.wrong.removesuffix("\n").split("\n,") if row.wrong else [],
                    )
                    for row in self._stores.records.audited(_MOST_AUDITS)
                ],
            )  # fmt: skip

    def _host(self, host_id: int) -> Host:
        host = self._stores.hosts.by_id(host_id)
        if host.detached_at is not None:
            raise NotFound("There is no such machine.")
        return host

    def _quarantined(self, host_id: int) -> Host:
        host = self._host(host_id)
        if host.quarantined_at is None:
            raise NotAllowedNow("This machine is not in quarantine.")
        return host

    def _note(self, operator_id: int, what: str, host: Host, detail: str, now: dt.datetime) -> None:
        self._log.note(operator_id, what, f"{host.name} ({host.id})", detail, now)


def end_office(stores: Stores, host: Host, now: dt.datetime) -> None:
    """Of a referee: what it has said stays, what it computes as one is heard no more."""
    stores.records.set_referee(host.id, False)
    for result in stores.work.leased_to(host.id):
        if result.purpose is Purpose.audit:
            stores.work.move(result, ResultState.cancelled, ended_at=now, sentence=NO_REFEREE)


def host_rows(
    stores: Stores, which: m.Which, search: str, now: dt.datetime, page: int = 1
) -> list[views.HostRow]:
    """Attached hosts as operators see them, the newest first, or the most doubted."""
    words, left_out = " ".join(search.split())[:100], (page - 1) * HOSTS_A_PAGE
    found = stores.records.hosts(which, words, now - _LATELY, HOSTS_A_PAGE, left_out)
    return [_view(row) for row in found]


def _view(row: HostRow) -> views.HostRow:
    instants = {name: _instant(getattr(row, name)) for name in ("last_seen_at", "quarantined_at", "appealed_at")}
    return views.HostRow(**{**row._asdict(), **instants, "is_referee": bool(row.is_referee)})


def _instant(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
