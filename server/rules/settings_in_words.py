"""The settings of a training as label and text, with what the grid or the model file has chosen said so."""

from collections.abc import Sequence

from server.rules.averaging import IN_WORDS
from server.rules.finding import Finding
from server.rules.objectives import Objective
from server.rules.schedules import base_rate, has_schedule, in_words
from server.rules.settings import ProjectSettings

_SHOWN_WEIGHTS = 10


def settings_in_words(finding: Finding) -> list[tuple[str, str]]:
    settings, objective = finding.settings, finding.objective
    loss, metrics = objective.loss.get("class_name", ""), [m["config"].get("name") for m in objective.metrics]
    lines = [
        ("Epochs", _chosen(settings, "epochs")),
        ("Batch size", _chosen(settings, "batch_size")),
        ("K", _chosen(settings, "k")),
        ("Examples in a shard", _chosen(settings, "shard_examples")),
        ("Optimizer", _named(objective.optimizer.get("class_name", ""), settings.optimizer)),
        ("Learning rate", _rate(settings, objective)),
        ("Loss", _named(loss, settings.loss)),
        ("Metrics", ", ".join(name.replace("_", " ") for name in metrics if name) or "none"),
        ("Validation", _validation(finding)),
        ("Early stopping", f"after {_epochs(settings.early_stopping)} without a better validation loss")
        if settings.early_stopping
        else ("Early stopping", "none"),
        ("Class weights", _weights(settings, objective.class_weights)),
        ("Averaging", IN_WORDS[settings.averaging]),
        ("Agreement", _agreement(settings.quorum)),
        ("Seed", str(settings.seed)),
    ]
    return [line for line in lines if line[1]]


def _chosen(settings: ProjectSettings, field: str) -> str:
    return f"{getattr(settings, field):,}" + (", chosen by the grid" if field in settings.chosen else "")


def _named(name: str, entered: str) -> str:
    return name if entered or not name else f"{name}, from the model file"


def _rate(settings: ProjectSettings, objective: Objective) -> str:
    if not objective.optimizer:
        return ""
    rate = f"{base_rate(objective.optimizer):g}"
    if settings.scale_learning_rate:
        rate += f" (times K = {settings.k})"
    if settings.schedule or settings.warmup_rounds or has_schedule(objective.optimizer):
        return f"{rate}, {in_words(settings.schedule, settings.warmup_rounds)}"
    return f"{rate}, constant"


def _validation(finding: Finding) -> str:
    if finding.data.validation_rows:
        return f"{finding.data.validation_rows:,} examples in files of their own"
    fraction = finding.settings.validation_fraction
    return f"{fraction:.0%} of the data, set aside" if fraction else "none"


def _weights(settings: ProjectSettings, weights: Sequence[float]) -> str:
    if not weights:
        return "all alike"
    shown = ", ".join(f"{number}: {weight:.3g}" for number, weight in enumerate(weights[:_SHOWN_WEIGHTS]))
    more = ", ..." if len(weights) > _SHOWN_WEIGHTS else ""
    return f"{'balanced: ' if settings.class_weights == 'balanced' else ''}{shown}{more}"


def _agreement(quorum: int) -> str:
    if quorum == 1:
        return "as the grid asks"
    return f"of at least {quorum} volunteers, where a host has not earned trust"


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"
