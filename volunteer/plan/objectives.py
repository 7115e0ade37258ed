"""Loss, metrics and optimizer of a project, from a model file or from the form, in canonical form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from volunteer.plan.bounds import DEFAULT
from volunteer.plan.json_tree import plain_tree
from volunteer.plan.losses import LOSSES, LabelRule, canonical_loss, label_rules
from volunteer.plan.metrics import METRICS, canonical_metrics
from volunteer.plan.optimizers import (
    OPTIMIZERS,
    canonical_optimizer,
    optimizer_from_form,
    scaled_learning_rate,
)
from volunteer.plan.refused import Refused

__all__ = [
    "LOSSES",
    "METRICS",
    "OPTIMIZERS",
    "Compiled",
    "LabelRule",
    "canonical_loss",
    "canonical_metrics",
    "canonical_optimizer",
    "compiled_from",
    "label_rules",
    "optimizer_from_form",
    "scaled_learning_rate",
]


class Compiled(msgspec.Struct, frozen=True):
    """What a model was compiled with, as far as its file says so, canonical."""

    loss: dict[str, Any] | None
    metrics: list[dict[str, Any]]
    optimizer: dict[str, Any] | None


def compiled_from(training_config: Mapping[str, Any], output_shape: tuple[int | None, ...]) -> Compiled:
    """Read what `compile` stored: `training_config` of an .h5 file or `compile_config` of a .keras file.

    `output_shape` is that of one example. Raises Refused with the field that cannot be used.
    """
    config = plain_tree(training_config, DEFAULT)
    if not isinstance(config, dict):
        raise Refused("What the model was compiled with is not written as Keras writes it.", "loss")
    stored = config.get("optimizer_config", config.get("optimizer"))
    optimizer = None if stored is None else canonical_optimizer(stored)
    raw_loss = _only(config.get("loss"))
    loss = None if raw_loss is None else canonical_loss(raw_loss)
    weight = _only(config.get("loss_weights"))
    if weight is not None and weight != 1:
        raise Refused(
            "The loss has a weight other than 1 (loss_weights); scale the learning rate instead.", "loss"
        )
    metrics: list[dict[str, Any]] = []
    if loss is not None:
        label_rules(loss, output_shape)
        named = [config.get("metrics"), config.get("weighted_metrics")]
        metrics = canonical_metrics(named, loss, output_shape)
    return Compiled(loss, metrics, optimizer)


def _only(value: Any) -> Any:
    """What stands for the only output, out of a list or a dictionary by output where Keras was given one."""
    if isinstance(value, list) or (isinstance(value, dict) and "class_name" not in value):
        several = list(value.values()) if isinstance(value, dict) else value
        if len(several) > 1:
            raise Refused(f"The model was compiled with {len(several)} losses; it needs exactly one.", "loss")
        return several[0] if several else None
    return value
