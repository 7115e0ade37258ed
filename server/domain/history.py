"""A training's closed rounds, from first to last, a few hundred at a time: a long training fits no memory."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from server.domain.plans import Plans
from server.rules.learning_rates import rate_at
from server.rules.results import HistoryRow
from server.storage.stores import Stores
from server.storage.tables import Checkpoint, Project, Round

PAGE = 500


class History:
    def __init__(self, stores: Stores, plans: Plans) -> None:
        self._stores = stores
        self._plans = plans

    def version(self, project: Project) -> str:
        """Changes whenever there is something new to tell: a round was closed, a checkpoint measured, or the project
        went back and closed a round anew."""
        latest = self._stores.checkpoints.latest(project.id)
        weights = latest.weights_sha256[:12] if latest else ""
        return f"{project.round}-{self._stores.checkpoints.count_evaluated(project.id)}-{weights}"

    def rows(self, project: Project) -> Iterator[HistoryRow]:
        """One a closed round; validation where its checkpoint was measured."""
        optimizer = self._optimizer(project)
        for rounds in self.pages(project.id):
            first, last = rounds[0].number, rounds[-1].number
            found = self._stores.checkpoints.evaluated_between(project.id, first + 1, last + 1)
            measured = {checkpoint.round - 1: checkpoint for checkpoint in found}
            for round_ in rounds:
                yield _row(round_, measured.get(round_.number), optimizer)

    def pages(self, project_id: int) -> Iterator[list[Round]]:
        number = -1
        while rounds := self._stores.rounds.closed_after(project_id, number, PAGE):
            yield rounds
            number = rounds[-1].number

    def _optimizer(self, project: Project) -> Mapping[str, Any]:
        return self._plans.of(project.plan_sha256).optimizer if project.plan_sha256 else {}


def seconds_of(round_: Round) -> float:
    closed: dt.datetime = round_.closed_at
    return round((closed - round_.opened_at).total_seconds(), 3)


def _row(round_: Round, checkpoint: Checkpoint | None, optimizer: Mapping[str, Any]) -> HistoryRow:
    return HistoryRow(
        round=round_.number, epoch=round_.epoch, closed_at=round_.closed_at, seconds=seconds_of(round_),
        mini_batches=round_.used, examples=round_.examples, learning_rate=rate_at(optimizer, round_.number),
        loss=round_.loss, metrics=round_.metrics,
        validation_loss=checkpoint.validation_loss if checkpoint else None,
        validation_metrics=checkpoint.validation_metrics if checkpoint else {},
    )  # fmt: skip
