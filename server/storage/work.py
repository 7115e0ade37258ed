"""Units and results: the hot path of leases and reports."""

import datetime as dt
from typing import Any

from peewee import fn

from server.errors import NotFound, SomebodyElseWasFirst
from server.rules.given import Given
from server.rules.states import Purpose, ResultState, UnitState, may_move
from server.storage.hosts import THE_GRID
from server.storage.tables import Host, Project, Result, Unit


class WorkStore:
    def add_unit(
        self, project_id: int, number: int, epoch: int, mini_batches: list[int], now: dt.datetime
    ) -> Unit:
        return Unit.create(
            project=project_id, round=number, epoch=epoch, mini_batches=mini_batches, size=len(mini_batches),
            state=UnitState.open, created_at=now,
        )  # fmt: skip

    def unit(self, unit_id: int) -> Unit:
        unit = Unit.row_where("id = ?", unit_id)
        if unit is None:
            raise NotFound("There is no such unit.")
        return unit

    def units_of_round(self, project_id: int, number: int, state: UnitState | None = None) -> list[Unit]:
        """In the order of their ids: the order in which a round's gradients are summed."""
        units = Unit.rows_where("project_id = ? AND round = ? ORDER BY id", project_id, number)
        return units if state is None else [unit for unit in units if unit.state is state]

    def valid_of_rounds(self, project_id: int, first: int, last: int) -> list[Unit]:
        """Units that counted in rounds `first` to `last`, in the order in which their gradients were summed."""
        return Unit.rows_where(
            "project_id = ? AND round BETWEEN ? AND ? AND state = 'valid' ORDER BY round, id", project_id, first, last
        )

    def move_unit(self, unit: Unit, new: UnitState, **columns: Any) -> None:
        if not may_move(unit.state, new):
            raise SomebodyElseWasFirst(f"A unit that is {unit.state} cannot become {new}.")
        moved = Unit.update(state=new, **columns).where(Unit.id == unit.id, Unit.state == unit.state).execute()
        if moved != 1:
            raise SomebodyElseWasFirst()
        unit.state = new

    def shorten(self, unit: Unit, mini_batches: list[int]) -> None:
        """Split a unit: it keeps this prefix; the rest is in nobody's hands and so back in the epoch's queue."""
        Unit.update(mini_batches=mini_batches, size=len(mini_batches)).where(
            Unit.id == unit.id, Unit.state == UnitState.open
        ).execute()
        unit.mini_batches, unit.size = mini_batches, len(mini_batches)

    def count_failure(self, unit_id: int) -> int:
        Unit.update(failures=Unit.failures + 1).where(Unit.id == unit_id).execute()
        return int(Unit.get_by_id(unit_id).failures)

    def forget_failures(self, project_id: int) -> None:
        """A person looked at it and wants another try."""
        Unit.update(failures=0).where(Unit.project == project_id, Unit.state == UnitState.open).execute()

    def lease(
        self, unit: Unit, host_id: int, now: dt.datetime, deadline: dt.datetime, heartbeat: float,
        silent_at: dt.datetime, bytes_down: int = 0, purpose: Purpose = Purpose.work, unproven: bool = False,
    ) -> Result:  # fmt: skip
        return Result.create(
            unit=unit.id, project=unit.project_id, host=host_id, state=ResultState.leased, leased_at=now,
            deadline=deadline, heartbeat_seconds=heartbeat, silent_at=silent_at, size=unit.size, bytes_down=bytes_down,
            purpose=purpose, unproven=unproven,
        )  # fmt: skip

    def result(self, result_id: int) -> Result | None:
        return Result.row_where("id = ?", result_id)

    def results_of(self, unit_id: int) -> list[Result]:
        return Result.rows_where("unit_id = ? ORDER BY id", unit_id)

    def move(self, result: Result, new: ResultState, **columns: Any) -> None:
        """A guarded change of state."""
        if not may_move(result.state, new):
            raise SomebodyElseWasFirst(f"A result that is {result.state} cannot become {new}.")
        moved = (
            Result.update(state=new, **columns).where(Result.id == result.id, Result.state == result.state).execute()
        )
        if moved != 1:
            raise SomebodyElseWasFirst()
        result.state = new

    def give_up(self, result: Result, sentence: str) -> None:
        """Out of the queue, whatever is wrong with it; its unit needs another result."""
        Result.update(state=ResultState.invalid, sentence=sentence).where(
            Result.id == result.id, Result.state == ResultState.reported
        ).execute()
        Unit.update(failures=Unit.failures + 1).where(Unit.id == result.unit_id).execute()

    def heard(self, result: Result, done: int, silent_at: dt.datetime) -> None:
        Result.update(done=done, silent_at=silent_at).where(
            Result.id == result.id, Result.state == ResultState.leased
        ).execute()

    def oldest_reported(self, most: int, waited_for: bool) -> list[Result]:
        """Of units that a round waits for, or of others: late work, and opinions on what has counted already."""
        waits = "EXISTS (SELECT 1 FROM unit WHERE unit.id = unit_id AND unit.state = 'open')"
        return Result.rows_where(f"state = 'reported' AND {waits} = ? ORDER BY id LIMIT ?", waited_for, most)

    def overdue(self, now: dt.datetime) -> list[Result]:
        """Leased results past their deadline or silent for too long."""
        late = (Result.deadline < now) | (Result.silent_at < now)
        # Sorted here: ORDER BY id would have the whole table searched in that order.
        found = Result.select().where(Result.state == ResultState.leased, late)
        return sorted(found, key=lambda result: result.id)

    def lost_since(
        self, project_id: int, since: dt.datetime, sentences: tuple[str, ...]
    ) -> list[tuple[int, int, int]]:
        """(host, round, mini-batches) of what was lost since then for one of these reasons."""
        rows: Any = (
            Result.select(Result.host, Unit.round, Result.size)
            .join(Unit)
            .where(
                Result.project == project_id, Result.ended_at >= since, Result.state == ResultState.lost,
                Result.sentence.in_(sentences),
            )
        )  # fmt: skip
        return [(int(host), int(number), int(size)) for host, number, size in rows.tuples()]

    def extend_leases(self, downtime: dt.timedelta) -> int:
        """After the server's own downtime: nobody is late because of us."""
        seconds = downtime.total_seconds()
        return int(
            Result.update(deadline=Result.deadline + seconds, silent_at=Result.silent_at + seconds)
            .where(Result.state == ResultState.leased)
            .execute()
        )

    def open_units(self, project_id: int) -> list[tuple[Unit, list[Result]]]:
        """Units without a valid result, oldest first, each with its live results; those that wait for others, too."""
        units = Unit.rows_where("project_id = ? AND state = 'open' ORDER BY id", project_id)
        live: dict[int, list[Result]] = {unit.id: [] for unit in units}
        if units:
            wanted = "project_id = ? AND state IN ('leased', 'reported', 'held') ORDER BY id"
            for result in Result.rows_where(wanted, project_id):
                if result.unit_id in live:
                    live[result.unit_id].append(result)
        return [(unit, live[unit.id]) for unit in units]

    def hosts_at_work(self, project_id: int) -> int:
        """Not counting the server, when it looks again at a result."""
        return int(
            Result.select(fn.COUNT(Result.host.distinct()))
            .join(Host)
            .where(Result.project == project_id, Result.state == ResultState.leased, Host.token_hash != THE_GRID)
            .scalar()
        )

    def hosts_lately_at_work(self, project_id: int, number: int) -> set[int]:
        """The hosts that had a result of this round or of the one before it."""
        found: Any = (
            Result.select(Result.host)
            .join(Unit)
            .where(Unit.project == project_id, Unit.round >= number - 1)
            .distinct()
        )
        return {int(row[0]) for row in found.tuples()}

    def leased_to(self, host_id: int) -> list[Result]:
        return Result.rows_where("host_id = ? AND state = 'leased'", host_id)

    def ended_badly(
        self, host_id: int, states: tuple[ResultState, ...], since: dt.datetime, most: int
    ) -> list[Result]:
        """A host's results that ended so since then, the newest first."""
        chosen = Result.select().where(Result.host == host_id, Result.state.in_(states), Result.ended_at >= since)
        return list(chosen.order_by(Result.ended_at.desc()).limit(most))

    def last_ended_at(self, project_id: int) -> dt.datetime | None:
        row = (
            Result.select(Result.ended_at)
            .where(Result.project == project_id, Result.ended_at.is_null(False))
            .order_by(Result.ended_at.desc())
            .first()
        )
        return None if row is None else row.ended_at

    def ended_as(
        self, project_id: int, number: int, state: ResultState, since: dt.datetime
    ) -> list[Result]:
        """The results of one round that have this state and ended since then."""
        return list(
            Result.select()
            .join(Unit)
            .where(
                Unit.project == project_id, Unit.round == number, Result.state == state, Result.ended_at >= since
            )
        )

    def host_seconds(self, base: dt.datetime, now: dt.datetime, project_ids: list[int]) -> dict[int, float]:
        """Host-seconds spent on each project since `base`, work that still goes on included."""
        end, since = fn.COALESCE(Result.ended_at, now.timestamp()), base.timestamp()
        seconds = fn.SUM(fn.MAX(0.0, end - fn.MAX(Result.leased_at, since)))
        # Two searches of an index; with OR in between it would be one of the whole table.
        over = Result.select(Result.project, seconds).where(Result.ended_at > base)
        going_on = Result.select(Result.project, seconds).where(Result.ended_at.is_null())
        spent = dict.fromkeys(project_ids, 0.0)
        for part in (over, going_on):
            chosen = part.where(Result.project.in_(project_ids)).group_by(Result.project)
            rows: Any = chosen.tuples()
            for project_id, total in rows:
                spent[project_id] += total
        return spent

    def hosts_by_round(self, project_id: int, rounds: list[int]) -> dict[int, int]:
        """Round -> how many hosts' work counted in it."""
        rows: Any = (
            Unit.select(Unit.round, fn.COUNT(Result.host.distinct()))
            .join(Result, on=(Unit.canonical == Result.id))
            .where(Unit.project == project_id, Unit.round.in_(rounds), Unit.state == UnitState.valid)
            .group_by(Unit.round)
        )
        return {int(number): int(count) for number, count in rows.tuples()} if rounds else {}

    def given_until(self, project_id: int, until: dt.datetime) -> Given:
        """By the results that had ended by then."""
        return _given(Result.project == project_id, Result.ended_at <= until, until)

    def given_since(self, project_id: int, since: dt.datetime, now: dt.datetime) -> Given:
        """By those that ended after it or go on. Two searches of an index; with OR it would be one of the table."""
        over = _given(Result.project == project_id, Result.ended_at > since, now)
        return over + _given(Result.project == project_id, Result.ended_at.is_null(), now)

    def total_host_seconds(self, now: dt.datetime, host_id: int) -> float:
        query = Result.select(fn.SUM(fn.COALESCE(Result.ended_at, now.timestamp()) - Result.leased_at))
        return float(query.where(Result.host == host_id).scalar() or 0.0)

    def leases_naming(self, host_id: int) -> list[tuple[Result, Unit, Project]]:
        """A host's current leases with what they are about."""
        results = Result.select(Result, Unit, Project).join(Unit).switch(Result).join(Project)
        chosen = results.where(Result.host == host_id, Result.state == ResultState.leased)
        return [(result, result.unit, result.project) for result in chosen]


def _given(of_project: Any, ended: Any, now: dt.datetime) -> Given:
    seconds = fn.SUM(fn.COALESCE(Result.ended_at, now.timestamp()) - Result.leased_at)
    query = Result.select(seconds, fn.SUM(Result.bytes_down), fn.SUM(Result.bytes_up)).where(of_project, ended)
    row = query.tuples()[0]
    return Given(float(row[0] or 0.0), int(row[1] or 0), int(row[2] or 0))
