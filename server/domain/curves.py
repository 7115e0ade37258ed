"""A training's curves as few numbers: thinned in the database, and only what the asker has not got."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from server.rules import views
from server.rules.thinning import step_for
from server.storage.stores import Stores
from server.storage.tables import Project


def curves_of(
    stores: Stores, project: Project, after: int = -1, measured_after: int = -1
) -> views.Curves:
    """Points of the rounds after `after`, and of the measured ones after `measured_after`."""
    step = step_for(project.round)
    rounds = stores.rounds.thinned(project.id, after, step, project.round - 1)
    checkpoints = stores.checkpoints.thinned(project.id, measured_after, step)
    hosts = stores.work.hosts_by_round(project.id, [each.number for each in rounds])
    return views.Curves(
        step=step, rounds=[each.number for each in rounds], epochs=[each.epoch for each in rounds],
        times=[round(each.closed_at.timestamp(), 1) for each in rounds],
        seconds=[_short((each.closed_at - each.opened_at).total_seconds()) for each in rounds],
        mini_batches=[each.used for each in rounds], hosts=[hosts.get(each.number, 0) for each in rounds],
        loss=[_short(each.loss) for each in rounds], metrics=_columns(rounds, lambda each: each.metrics),
        measured=views.MeasuredCurves(
            # A checkpoint is named by the round that starts from it; what it shows is the round before.
            rounds=[each.round - 1 for each in checkpoints], epochs=[each.epoch for each in checkpoints],
            times=[round(each.created_at.timestamp(), 1) for each in checkpoints],
            loss=[_short(each.validation_loss) for each in checkpoints],
            metrics=_columns(checkpoints, lambda each: each.validation_metrics),
        ),
    )  # fmt: skip


def trend_of(stores: Stores, project: Project, most: int) -> list[float]:
    """The course of the training loss in at most so many points."""
    rounds = stores.rounds.thinned(project.id, -1, step_for(project.round, most), project.round - 1)
    return [loss for loss in (_short(each.loss) for each in rounds) if loss is not None]


def _columns(rows: Sequence[Any], reading: Callable[[Any], Mapping[str, float]]) -> dict[str, list[float | None]]:
    names = {name: None for row in rows for name in reading(row)}
    return {name: [_short(reading(row).get(name)) for row in rows] for name in names}


def _short(value: float | None) -> float | None:
    """Six digits are more than a screen shows; what is not finite has no place on it."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
