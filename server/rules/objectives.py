"""Loss, metrics and optimizer of a project: from the model file where it was compiled, from the form where not."""

from collections.abc import Callable
from typing import Any

import msgspec

from server.rules import class_weights, schedules
from server.rules.intake_values import DataReading, ModelReading
from server.rules.problems import Problem
from server.rules.settings import ProjectSettings
from volunteer.plan.objectives import (
    canonical_loss,
    canonical_metrics,
    canonical_optimizer,
    label_rules,
    optimizer_from_form,
    scaled_learning_rate,
)
from volunteer.plan.refused import Refused

DEFAULT_RATE = 0.001
_OWN_FIELDS = ("warmup_rounds", "class_weights")


class Objective(msgspec.Struct, frozen=True):
    """Canonical descriptions of what is minimised, measured and by what."""

    loss: dict[str, Any]
    metrics: list[dict[str, Any]]
    optimizer: dict[str, Any]
    class_weights: list[float] = []


def choose(model: ModelReading, settings: ProjectSettings) -> tuple[Objective | None, list[Problem]]:
    """The form's choice goes before the file's. None, with problems, when something is missing or not allowed.

    What needs the data to be known, `settle` adds: the schedule's length and balanced weights.
    """
    problems: list[Problem] = []
    loss = _try(lambda: _loss(model, settings), "loss", problems)
    # Which metrics fit depends on the loss: without one there is nothing to say of them.
    metrics: Any = _try(lambda: _metrics(model, settings, loss), "metrics", problems) if loss is not None else None
    optimizer = _try(lambda: _optimizer(model, settings), "optimizer", problems)
    if loss is not None and settings.class_weights:
        _try(lambda: class_weights.classes_of(label_rules(loss, model.output_shape)), "class_weights", problems)
    return (None if problems else Objective(loss, metrics, optimizer)), problems


def settle(
    objective: Objective, model: ModelReading, settings: ProjectSettings, data: DataReading, rounds: int
) -> tuple[Objective | None, list[Problem]]:
    """The objective of a whole training of so many rounds on this data; None, with problems, where it has none."""
    problems: list[Problem] = []
    optimizer = _try(lambda: _scheduled(objective.optimizer, settings, rounds), "schedule", problems)
    weights = _try(lambda: _class_weights(objective, model, settings, data), "class_weights", problems)
    if problems:
        return None, problems
    return msgspec.structs.replace(objective, optimizer=optimizer, class_weights=weights), []


def _try(part: Callable[[], Any], field: str, problems: list[Problem]) -> Any:
    try:
        return part()
    except Refused as refused:
        problems.append(Problem(refused.field if refused.field in _OWN_FIELDS else field, refused.sentence))
        return None


def _loss(model: ModelReading, settings: ProjectSettings) -> dict[str, Any]:
    loss = canonical_loss(settings.loss) if settings.loss else model.loss
    if loss is None:
        raise Refused("The model file was not compiled with a loss: choose one here.", "loss")
    # Also the rule that the labels are checked by: a loss that does not fit the model has none.
    label_rules(loss, model.output_shape)
    return loss


def _metrics(model: ModelReading, settings: ProjectSettings, loss: dict[str, Any]) -> list[dict[str, Any]]:
    if settings.metrics:
        return canonical_metrics(list(settings.metrics), loss, model.output_shape)
    return list(model.metrics or [])


def _optimizer(model: ModelReading, settings: ProjectSettings) -> dict[str, Any]:
    if settings.optimizer:
        optimizer = optimizer_from_form(settings.optimizer, settings.learning_rate or DEFAULT_RATE)
    elif model.optimizer is None:
        raise Refused("The model file brings no optimizer that can be used: choose one here.", "optimizer")
    elif settings.learning_rate is not None:
        config = {**model.optimizer["config"], "learning_rate": settings.learning_rate}
        optimizer = canonical_optimizer({"class_name": model.optimizer["class_name"], "config": config})
    else:
        optimizer = model.optimizer
    return scaled_learning_rate(optimizer, settings.k) if settings.scale_learning_rate else optimizer


def _scheduled(optimizer: dict[str, Any], settings: ProjectSettings, rounds: int) -> dict[str, Any]:
    if settings.warmup_rounds and settings.warmup_rounds >= rounds:
        raise Refused(
            f"The whole training has about {rounds:,} rounds; the warm-up must be shorter. Take a smaller number, a "
            "smaller K or more epochs.",
            "warmup_rounds",
        )
    if settings.warmup_rounds and not settings.schedule and schedules.has_schedule(optimizer):
        raise Refused(
            "The model file brings a learning-rate schedule of its own: choose cosine or constant to warm up here.",
            "warmup_rounds",
        )
    return schedules.with_schedule(optimizer, settings.schedule, settings.warmup_rounds, rounds)


def _class_weights(
    objective: Objective, model: ModelReading, settings: ProjectSettings, data: DataReading
) -> list[float]:
    if not settings.class_weights:
        return []
    if settings.class_weights != class_weights.BALANCED:
        names = [str(name) for name in data.preprocessing.get("labels", {}).get("classes", [])]
        return class_weights.explicit(settings.class_weights, label_rules(objective.loss, model.output_shape), names)
    if data.classes is None:
        return []
    return class_weights.balanced(data.classes, settings.validation_fraction, bool(data.validation_rows))
