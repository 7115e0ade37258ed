"""Rounds, checkpoints and which mini-batch was used where."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from peewee import chunked, fn

from server.errors import NotFound, SomebodyElseWasFirst
from server.rules.states import RoundState
from server.storage.tables import Checkpoint, MiniBatchUse, Round

# SQLite bounds the values of one statement.
_ROWS_AT_ONCE = 1000


class RoundStore:
    def open(
        self, project_id: int, number: int, epoch: int, target: int, now: dt.datetime, unused_id: int | None = None
    ) -> Round:
        return Round.create(
            id=unused_id, project=project_id, number=number, epoch=epoch, state=RoundState.open, target=target,
            opened_at=now,
        )  # fmt: skip

    def begin_now(self, project_id: int, number: int, now: dt.datetime) -> None:
        """What its project waited for since it was opened is no time of the round."""
        Round.update(opened_at=now).where(Round.project == project_id, Round.number == number).execute()

    def get(self, project_id: int, number: int) -> Round:
        found = Round.row_where("project_id = ? AND number = ?", project_id, number)
        if found is None:
            raise NotFound("There is no such round.")
        return found

    def is_open(self, project_id: int, number: int) -> bool:
        """Not one that the project has gone back behind, either."""
        return bool(
            Round.rows_where("project_id = ? AND number = ? AND state = 'open'", project_id, number)
        )

    def in_state(self, state: RoundState) -> list[Round]:
        return Round.rows_where("state = ? ORDER BY id", state.value)

    def any_open(self) -> bool:
        """Whether a running project has an open round."""
        found = Round.rows_where(
            "state = 'open' AND project_id IN (SELECT id FROM project WHERE state = 'running') LIMIT 1"
        )
        return bool(found)

    def count(self, round_: Round, mini_batches: int, examples: int) -> int:
        """Add a valid unit to an open round; the number of mini-batches used now."""
        counted = (
            Round.update(used=Round.used + mini_batches, examples=Round.examples + examples)
            .where(Round.id == round_.id, Round.state == RoundState.open)
            .execute()
        )
        if counted != 1:
            raise SomebodyElseWasFirst("The round is not open any more.")
        return int(Round.rows_where("id = ?", round_.id)[0].used)

    def uncount(self, round_: Round, mini_batches: int, examples: int, unit_id: int) -> None:
        """Take a unit out of an open round again: its mini-batches are not used."""
        counted = (
            Round.update(used=Round.used - mini_batches, examples=Round.examples - examples)
            .where(Round.id == round_.id, Round.state == RoundState.open)
            .execute()
        )
        if counted != 1:
            raise SomebodyElseWasFirst("The round is not open any more.")
        MiniBatchUse.delete().where(MiniBatchUse.unit == unit_id).execute()

    def forget_from(self, project_id: int, number: int) -> int:
        """Forget this round and all later ones, and what they used. Returns an id that no round has had.

        Else a step that is being computed for a forgotten round could close the one that got its id.
        """
        unused = int(Round.select(fn.MAX(Round.id)).scalar()) + 1
        MiniBatchUse.delete().where(MiniBatchUse.project == project_id, MiniBatchUse.round >= number).execute()
        Round.delete().where(Round.project == project_id, Round.number >= number).execute()
        return unused

    def begin_closing(self, round_: Round, now: dt.datetime) -> None:
        self._move(round_, RoundState.open, RoundState.closing, closing_at=now)

    def close(
        self, round_: Round, now: dt.datetime, loss: float, metrics: Mapping[str, float], averaging: str
    ) -> None:
        self._move(
            round_, RoundState.closing, RoundState.closed, closed_at=now, loss=loss, metrics=dict(metrics),
            averaging=averaging,
        )  # fmt: skip

    def of_project(self, project_id: int) -> list[Round]:
        return list(Round.select().where(Round.project == project_id).order_by(Round.number))

    def closed(self, project_id: int, most: int | None = None) -> list[Round]:
        """Closed rounds, oldest first; the last `most` of them."""
        query = (
            Round.select()
            .where(Round.project == project_id, Round.state == RoundState.closed)
            .order_by(Round.number.desc())
        )
        return list(reversed(list(query if most is None else query.limit(most))))

    def closed_after(self, project_id: int, number: int, most: int) -> list[Round]:
        """Closed rounds with a higher number, oldest first; the first `most` of them."""
        return Round.rows_where(
            "project_id = ? AND state = ? AND number > ? ORDER BY number LIMIT ?",
            project_id, RoundState.closed.value, number, most,
        )  # fmt: skip

    def thinned(self, project_id: int, after: int, step: int, last: int) -> list[Round]:
        """Closed rounds after `after`: the last of each bucket of `step`, and `last` itself; oldest first."""
        return Round.rows_where(
            "project_id = ? AND number > ? AND number <= ? AND ((number + 1) % ? = 0 OR number = ?)"
            " AND state = 'closed' ORDER BY number",
            project_id, after, last, step, last,
        )  # fmt: skip

    def totals(self) -> tuple[int, int]:
        """(rounds closed, mini-batches used in them) of all projects."""
        row = Round.select(fn.COUNT(Round.id), fn.SUM(Round.used)).where(Round.state == RoundState.closed).tuples()[0]
        return int(row[0]), int(row[1] or 0)

    def use(self, project_id: int, epoch: int, places: Mapping[int, int], number: int, unit_id: int) -> None:
        """Record the unit's mini-batches (number -> place in the order) as used; IntegrityError if one already was."""
        rows = [
            {"project": project_id, "epoch": epoch, "mini_batch": b, "place": p, "round": number, "unit": unit_id}
            for b, p in places.items()
        ]
        for block in chunked(rows, _ROWS_AT_ONCE):
            MiniBatchUse.insert_many(block).execute()

    def used_places(self, project_id: int, epoch: int, head: int) -> set[int]:
        """Places of the epoch's order from `head` on that are used: few, for the head follows them."""
        rows: Any = MiniBatchUse.select(MiniBatchUse.place).where(
            MiniBatchUse.project == project_id, MiniBatchUse.epoch == epoch, MiniBatchUse.place >= head
        )
        return {int(row[0]) for row in rows.tuples()}

    def used_in_round(self, project_id: int, number: int) -> list[int]:
        rows: Any = MiniBatchUse.select(MiniBatchUse.mini_batch).where(
            MiniBatchUse.project == project_id, MiniBatchUse.round == number
        )
        return [int(row[0]) for row in rows.tuples()]

    def places_of_epoch(self, project_id: int, epoch: int) -> dict[int, int]:
        """Mini-batch -> place in the epoch's order, of all that is used."""
        rows: Any = MiniBatchUse.select(MiniBatchUse.mini_batch, MiniBatchUse.place).where(
            MiniBatchUse.project == project_id, MiniBatchUse.epoch == epoch
        )
        return {int(row[0]): int(row[1]) for row in rows.tuples()}

    def count_used_in_epoch(self, project_id: int, epoch: int) -> int:
        return int(
            MiniBatchUse.select().where(MiniBatchUse.project == project_id, MiniBatchUse.epoch == epoch).count()
        )

    def _move(self, round_: Round, old: RoundState, new: RoundState, **columns: Any) -> None:
        moved = Round.update(state=new, **columns).where(Round.id == round_.id, Round.state == old).execute()
        if moved != 1:
            raise SomebodyElseWasFirst()


class CheckpointStore:
    def add(self, **columns: Any) -> Checkpoint:
        return Checkpoint.create(**columns)

    def get(self, project_id: int, number: int) -> Checkpoint | None:
        return Checkpoint.row_where("project_id = ? AND round = ?", project_id, number)

    def latest(self, project_id: int) -> Checkpoint | None:
        return (
            Checkpoint.select().where(Checkpoint.project == project_id).order_by(Checkpoint.round.desc()).first()
        )

    def of_project(self, project_id: int) -> list[Checkpoint]:
        return list(Checkpoint.select().where(Checkpoint.project == project_id).order_by(Checkpoint.round))

    def kept(self, project_id: int, most: int = -1) -> list[Checkpoint]:
        """Those whose weights are still there, newest first; the newest `most` of them."""
        return Checkpoint.rows_where(
            "project_id = ? AND weights_sha256 > '' ORDER BY round DESC LIMIT ?", project_id, most
        )

    def newest_until(self, project_id: int, number: int) -> Checkpoint | None:
        """The newest one of round `number` or an earlier one from which a step can go on: with its optimizer's state,
        which there is none of before the first step. Where no such one is kept, the newest with weights."""
        return Checkpoint.row_where(
            "project_id = ? AND weights_sha256 > '' AND round <= ?"
            " ORDER BY (optimizer_sha256 > '' OR round = 0) DESC, round DESC",
            project_id, number,
        )  # fmt: skip

    def forget_after(self, project_id: int, number: int) -> None:
        """Forget those of later rounds; the collector finds their blobs."""
        Checkpoint.delete().where(Checkpoint.project == project_id, Checkpoint.round > number).execute()

    def best_kept(self, project_id: int) -> Checkpoint | None:
        """That with the least validation loss, of equal ones the first; None where nothing was measured."""
        return Checkpoint.row_where(
            "project_id = ? AND weights_sha256 > '' AND validation_loss IS NOT NULL ORDER BY validation_loss, round",
            project_id,
        )

    def count_evaluated(self, project_id: int) -> int:
        rows = Checkpoint.select().where(Checkpoint.project == project_id, Checkpoint.evaluated_at.is_null(False))
        return int(rows.count())

    def evaluated_between(self, project_id: int, first: int, last: int) -> list[Checkpoint]:
        """Those of rounds `first` to `last` that were measured."""
        return Checkpoint.rows_where(
            "project_id = ? AND round BETWEEN ? AND ? AND evaluated_at IS NOT NULL", project_id, first, last
        )

    def thinned(self, project_id: int, after: int, step: int) -> list[Checkpoint]:
        """Measured ones of rounds closed after `after`: the last of each bucket of `step` rounds; oldest first."""
        return Checkpoint.rows_where(
            "project_id = ? AND round IN (SELECT MAX(round) FROM checkpoint WHERE project_id = ? AND round > ?"
            " AND evaluated_at IS NOT NULL GROUP BY (round - 1) / ?) ORDER BY round",
            project_id, project_id, max(after + 1, 0), step,
        )  # fmt: skip

    def last_evaluated(self, project_id: int) -> Checkpoint | None:
        return (
            Checkpoint.select()
            .where(Checkpoint.project == project_id, Checkpoint.evaluated_at.is_null(False))
            .order_by(Checkpoint.round.desc())
            .first()
        )

    def epoch_ends(self, project_id: int) -> list[Checkpoint]:
        return Checkpoint.rows_where("project_id = ? AND ends_epoch ORDER BY round", project_id)

    def unevaluated_epoch_ends(self, project_id: int) -> list[Checkpoint]:
        return list(
            Checkpoint.select()
            .where(
                Checkpoint.project == project_id,
                Checkpoint.ends_epoch,
                Checkpoint.evaluated_at.is_null(),
            )
            .order_by(Checkpoint.round)
        )

    def evaluated(self, checkpoint: Checkpoint, loss: float, metrics: Mapping[str, float], now: dt.datetime) -> None:
        Checkpoint.update(validation_loss=loss, validation_metrics=dict(metrics), evaluated_at=now).where(
            _is_still(checkpoint)
        ).execute()

    def drop_blobs(self, checkpoint: Checkpoint) -> None:
        """Keep the row (it is history) and let go of weights and optimizer state."""
        Checkpoint.update(weights_sha256="", weights_size=0, optimizer_sha256="").where(
            _is_still(checkpoint)
        ).execute()

    def drop_optimizer(self, checkpoint: Checkpoint) -> None:
        Checkpoint.update(optimizer_sha256="").where(_is_still(checkpoint)).execute()


def _is_still(checkpoint: Checkpoint) -> Any:
    """The row that was read: a project that goes back forgets checkpoints, and others get their ids."""
    return (Checkpoint.id == checkpoint.id) & (Checkpoint.weights_sha256 == checkpoint.weights_sha256)
