"""Opinions on units: which results speak of one, which units wait for more, and what their hosts' record is.

Plain SQL that names its index where a pass asks every second: the planner would search all units in their order.
"""

import datetime as dt
from typing import Any

from peewee import fn

from server.rules.quorum import Agreement
from server.rules.states import AuditState, Purpose, ResultState, UnitState
from server.storage.account_tables import Account
from server.storage.tables import Host, Result, Round, Unit

SPEAKING = (ResultState.held, ResultState.valid)
"""A result in one of these is an opinion on its unit."""

_SPEAKS = "state IN ('held', 'valid')"


def _verdict(state: ResultState, doubted_by: int | None) -> Agreement:
    if state is ResultState.invalid:
        return Agreement.differ
    return Agreement.agree if doubted_by is None else Agreement.unclear


class OpinionStore:
    def of(self, unit_id: int) -> list[Result]:
        """The opinions on a unit, the earliest first."""
        return Result.rows_where(f"unit_id = ? AND {_SPEAKS} ORDER BY id", unit_id)

    def units_to_settle(self) -> list[Unit]:
        """Those that seek and have as many opinions as they want, and those on which a referee has spoken."""
        return Unit.rows_where(
            "id IN (SELECT id FROM unit INDEXED BY unit_seeking WHERE seeks AND (SELECT COUNT(*) FROM result WHERE"
            f" unit_id = unit.id AND {_SPEAKS}) >= opinions UNION SELECT unit_id FROM result INDEXED BY result_held"
            " WHERE state = 'held' AND purpose = 'audit') ORDER BY id"
        )

    def adrift(self) -> list[Result]:
        """Held results of units that seek no opinion any more: no verdict would ever reach them."""
        return Result.rows_where(
            "id IN (SELECT id FROM result INDEXED BY result_held WHERE state = 'held' AND NOT EXISTS"
            " (SELECT 1 FROM unit WHERE unit.id = unit_id AND (seeks OR audit = 'wanted'))) ORDER BY id"
        )

    def of_another_kind(self) -> list[Result]:
        """Held results where only machines of one kind can be compared, and what stands, or else came first, is of
        another: they were there before that was known."""
        earlier = "other.id = unit.canonical OR (unit.canonical IS NULL AND other.id < result.id)"
        return Result.rows_where(
            "id IN (SELECT result.id FROM result INDEXED BY result_held JOIN unit ON unit.id = result.unit_id"
            " JOIN project ON project.id = unit.project_id AND homogeneous JOIN host ON host.id = result.host_id"
            " WHERE result.state = 'held' AND EXISTS (SELECT 1 FROM result AS other JOIN host AS its ON its.id ="
            " other.host_id WHERE other.unit_id = unit.id AND other.state IN ('held', 'valid') AND other.purpose !="
            f" 'audit' AND ({earlier}) AND its.numeric_class != host.numeric_class)) ORDER BY id"
        )

    def want(self, unit: Unit, opinions: int) -> None:
        """From now on the unit seeks until so many results speak of it."""
        Unit.update(opinions=opinions, seeks=True).where(Unit.id == unit.id).execute()
        unit.opinions, unit.seeks = opinions, True

    def end_search(self, unit: Unit, opinions: int | None = None) -> None:
        changed: dict[str, Any] = {"seeks": False} if opinions is None else {"seeks": False, "opinions": opinions}
        Unit.update(**changed).where(Unit.id == unit.id).execute()
        unit.seeks = False

    def set_audit(self, unit: Unit, audit: AuditState) -> None:
        Unit.update(audit=audit).where(Unit.id == unit.id).execute()
        unit.audit = audit

    def stand(self, unit: Unit, result_id: int | None) -> None:
        """Another result stands for the unit from now on."""
        Unit.update(canonical=result_id).where(Unit.id == unit.id).execute()
        unit.canonical = result_id

    def refuted(self, unit: Unit, round_: Round, now: dt.datetime) -> None:
        """Too late: the unit stays in its round, and the round remembers."""
        Unit.update(refuted_at=now).where(Unit.id == unit.id).execute()
        Round.update(refuted=Round.refuted + unit.size).where(Round.id == round_.id).execute()
        unit.refuted_at = now

    def turn_into_check(self, result: Result) -> None:
        """What was leased as work goes on as another opinion."""
        Result.update(purpose=Purpose.check).where(Result.id == result.id).execute()
        result.purpose = Purpose.check

    def note_facts(self, result: Result, norm: float, loss: float, suspicion: str) -> None:
        Result.update(norm=norm, loss=loss, suspicion=suspicion).where(Result.id == result.id).execute()
        result.norm, result.loss, result.suspicion = norm, loss, suspicion

    def confirm(self, result: Result, now: dt.datetime) -> None:
        """Another opinion agreed; host and account are one step nearer to being trusted."""
        Result.update(confirmed_at=now).where(Result.id == result.id).execute()
        result.confirmed_at = now
        Host.update(trust=Host.trust + 1, confirmed=Host.confirmed + 1).where(Host.id == result.host_id).execute()
        host = Host.row_where("id = ?", result.host_id)
        if host is not None:
            Account.update(trust=Account.trust + 1).where(Account.id == host.account_id).execute()

    def blame(self, host: Host) -> None:
        """It was found wrong: trust begins anew, the account's too."""
        Host.update(trust=0, refuted=Host.refuted + 1).where(Host.id == host.id).execute()
        Account.update(trust=0).where(Account.id == host.account_id).execute()

    def doubt(self, result: Result, volunteers: int) -> None:
        """It is a little off what so many volunteers' hosts agree on. Its host is not blamed; it earns trust anew."""
        Result.update(doubted_by=volunteers).where(Result.id == result.id).execute()
        Host.update(disagreed=Host.disagreed + 1).where(Host.id == result.host_id).execute()
        if volunteers:
            Host.update(trust=0).where(Host.id == result.host_id).execute()

    def clear(self, host: Host) -> None:
        """What it was blamed for was right after all."""
        Host.update(refuted=Host.refuted - 1, confirmed=Host.confirmed + 1).where(Host.id == host.id).execute()

    def contradicted(self, unit_id: int) -> list[Result]:
        """Results of the unit that other opinions made invalid, and that can still be read."""
        return Result.rows_where(
            "unit_id = ? AND state = 'invalid' AND norm > 0 AND gradient_sha256 > '' ORDER BY id", unit_id
        )

    def quarantine(self, host_id: int, reason: str, now: dt.datetime) -> bool:
        """Whether it was not in quarantine before."""
        changed = Host.update(quarantined_at=now, quarantine_reason=reason, trust=0)
        return bool(changed.where(Host.id == host_id, Host.quarantined_at.is_null()).execute())

    def let_out(self, host_id: int) -> None:
        """Out of quarantine with the record that it has; trust is earned anew."""
        Host.update(quarantined_at=None, quarantine_reason="").where(Host.id == host_id).execute()

    def forgive(self, host: Host) -> None:
        """Out of quarantine, with a record that begins anew; what its owner detached before counts no more, either."""
        last = fn.COALESCE(Result.select(fn.MAX(Result.id)).where(Result.host == Host.id), 0)
        anew = Host.update(trust=0, confirmed=0, disagreed=0, refuted=0, forgiven=last)
        anew.where(_is_or_was(host)).execute()
        self.let_out(host.id)

    def record(self, host: Host) -> tuple[int, int, int]:
        """How often others agreed with it, found it wrong, and a little off.

        Together with those machines of its owner that are detached: who comes again under another name brings that.
        """
        sums = (fn.SUM(Host.confirmed), fn.SUM(Host.refuted), fn.SUM(Host.disagreed))
        rows: Any = Host.select(*sums).where(_is_or_was(host)).tuples()
        [(confirmed, refuted, disagreed)] = rows
        return int(confirmed), int(refuted), int(disagreed)

    def recent_verdicts(self, host: Host, most: int) -> list[Agreement]:
        """What became of the last judged results of that record, since it was forgiven; the latest first.

        Not of those that the server could not judge: they have no norm; nor of those that a referee alone doubts.
        """
        wrong = (Result.state == ResultState.invalid) & Result.norm.is_null(False)
        rows: Any = (
            Result.select(Result.state, Result.doubted_by)
            .join(Host)
            .where(
                _is_or_was(host),
                Result.id > Host.forgiven,
                Result.confirmed_at.is_null(False) | wrong | (Result.doubted_by > 0),
            )
            .order_by(Result.id.desc())
            .limit(most)
        )
        return [_verdict(ResultState(row[0]), row[1]) for row in rows.tuples()]

    def hosts_compared(self, project_id: int, first_round: int) -> tuple[set[int], set[int]]:
        """(hosts that another agreed with, hosts found wrong or a little off) since that round, referees left out."""
        rows: Any = (
            Result.select(Result.host, Result.state, Result.doubted_by)
            .join(Unit)
            .where(
                Unit.project == project_id, Unit.round >= first_round, Result.norm.is_null(False),
                Result.purpose != Purpose.audit,
                Result.confirmed_at.is_null(False)
                | Result.doubted_by.is_null(False)
                | (Result.state == ResultState.invalid),
            )
            .distinct()
        )  # fmt: skip
        found = [(int(host), _verdict(ResultState(state), doubted_by)) for host, state, doubted_by in rows.tuples()]
        right = {host for host, verdict in found if verdict is Agreement.agree}
        return right, {host for host, verdict in found if verdict is not Agreement.agree}

    def recent_facts(self, project_id: int, first_round: int, most: int) -> list[tuple[float, float]]:
        """(norm, loss) of the mean gradients that counted since that round; the newest `most` of them."""
        rows: Any = (
            Result.select(Result.norm, Result.loss)
            .join(Unit, on=(Unit.canonical == Result.id))
            .where(
                Unit.project == project_id, Unit.round >= first_round, Unit.state == UnitState.valid,
                Result.norm.is_null(False),
            )
            .order_by(Unit.id.desc())
            .limit(most)
        )  # fmt: skip
        return [(float(norm), float(loss)) for norm, loss in rows.tuples()]

    def held_of_host(self, host_id: int) -> list[Result]:
        return Result.rows_where("host_id = ? AND state = 'held' ORDER BY id", host_id)

    def vouched_by_nobody_else(self, host_id: int) -> list[Unit]:
        """Units for which a result of this host stands, gradients still kept, and for which nobody speaks that is not
        in quarantine: no other host has confirmed it, or only accomplices have."""
        return Unit.rows_where(
            "state = 'valid' AND id IN (SELECT unit_id FROM result WHERE host_id = ? AND state = 'valid' AND"
            " gradient_sha256 > '') AND NOT EXISTS (SELECT 1 FROM result JOIN host ON host.id = result.host_id"
            " WHERE result.unit_id = unit.id AND result.state = 'valid' AND host.id != ?"
            " AND host.quarantined_at IS NULL) ORDER BY id",
            host_id, host_id,
        )  # fmt: skip

    def from_round(self, project_id: int, number: int) -> list[Unit]:
        """All units of this round and of later ones."""
        return Unit.rows_where("project_id = ? AND round >= ? ORDER BY id", project_id, number)

    def awake_elsewhere(self, since: dt.datetime, account_id: int) -> bool:
        """Whether a host of another account is awake, and not in quarantine."""
        found = Host.select(fn.COUNT(Host.id)).where(
            Host.last_seen_at >= since, Host.detached_at.is_null(), Host.quarantined_at.is_null(),
            Host.account != account_id,
        )  # fmt: skip
        return bool(found.scalar())


def _is_or_was(host: Host) -> Any:
    return (Host.id == host.id) | ((Host.account == host.account_id) & Host.detached_at.is_null(False))
