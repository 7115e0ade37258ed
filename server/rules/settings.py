"""A requestor's settings of a project: read from the form's texts, with every mistake beside its field."""

from collections.abc import Mapping
from typing import Any

import msgspec

from server.rules import class_weights, schedules
from server.rules.averaging import AUTO, WISHES
from server.rules.problems import Problem
from server.rules.quorum import MOST_OPINIONS

MAX_EPOCHS = 10_000
MAX_BATCH = 65_536
MAX_K = 100_000
MIN_DEADLINE_SECONDS = 30
MAX_DEADLINE_SECONDS = 7 * 24 * 3600
MAX_NAME = 120
MAX_QUORUM = MOST_OPINIONS
MAX_WARMUP = 1_000_000
CHOOSABLE = ("batch_size", "k", "epochs", "shard_examples")
"""Left empty, these are chosen by the grid when it has seen model and data."""


class ProjectSettings(msgspec.Struct, frozen=True):
    """`report_deadline` is in seconds; `optimizer`, `loss` "" and `metrics` () mean: as compiled into the file.

    `learning_rate` None means the optimizer's own. With `scale_learning_rate` the rate is multiplied by K, which is
    what one step of K mini-batches instead of K steps asks for (Goyal et al. 2017, arXiv 1706.02677). `schedule` ""
    leaves what the file has. `early_stopping`: epochs of patience, 0 is off; `class_weights`: "", "balanced" or pairs.
    `averaging` is one of `server.rules.averaging.WISHES`; `quorum`: of how many volunteers results must agree, should
    the grid ask for fewer. `chosen` names the fields that the grid has chosen.
    """

    name: str
    batch_size: int = 32
    epochs: int = 5
    k: int = 4
    shard_examples: int = 256
    report_deadline: int = 600
    validation_fraction: float = 0.1
    optimizer: str = ""
    learning_rate: float | None = None
    loss: str = ""
    metrics: tuple[str, ...] = ()
    scale_learning_rate: bool = False
    seed: int = 0
    schedule: str = ""
    warmup_rounds: int = 0
    early_stopping: int = 0
    class_weights: str = ""
    averaging: str = AUTO
    quorum: int = 1
    chosen: tuple[str, ...] = ()


def read_settings(
    form: Mapping[str, str], suggested: Mapping[str, int] | None = None, own_validation: bool = False
) -> tuple[ProjectSettings | None, list[Problem]]:
    """The settings, or None with every problem that the texts have. Missing fields take their defaults.

    `own_validation`: there are validation data beside the training data.
    `suggested`: for the fields that the grid chooses where they were left empty, what suits model and data.
    """
    suggested = suggested or {}
    reader = _Reader(form)
    batch_size = reader.whole("batch_size", suggested.get("batch_size", 32), 1, MAX_BATCH)
    validation_fraction = reader.number("validation_fraction", 0.1, 0.0, 0.9)
    shard_examples = reader.whole("shard_examples", suggested.get("shard_examples", 256), 1, 10**7)
    settings = ProjectSettings(
        name=reader.name(),
        batch_size=batch_size,
        epochs=reader.whole("epochs", suggested.get("epochs", 5), 1, MAX_EPOCHS),
        k=reader.whole("k", suggested.get("k", 4), 1, MAX_K),
        # A mini-batch lies inside one shard: the size is rounded up to whole mini-batches.
        shard_examples=-(-shard_examples // max(batch_size, 1)) * batch_size,
        report_deadline=reader.whole("report_deadline", 600, MIN_DEADLINE_SECONDS, MAX_DEADLINE_SECONDS),
        validation_fraction=validation_fraction,
        learning_rate=reader.rate(),
        **_objective(form),
        scale_learning_rate=form.get("scale_learning_rate", "") not in ("", "0", "false"),
        seed=reader.whole("seed", 0, 0, 2**53),
        schedule=reader.schedule(),
        warmup_rounds=reader.warmup_rounds(),
        early_stopping=reader.early_stopping(bool(validation_fraction) or own_validation),
        class_weights=reader.class_weights(),
        averaging=reader.averaging(),
        quorum=reader.whole("quorum", 1, 1, MAX_QUORUM),
        chosen=tuple(field for field in CHOOSABLE if field in suggested and not form.get(field, "").strip()),
    )
    if form.get("consent", "") in ("", "0", "false"):
        reader.problems.append(
            Problem("consent", "Data and model go to other people's machines in clear; tick the box if you agree.")
        )
    return (None if reader.problems else settings), reader.problems


def only_objective(form: Mapping[str, str]) -> ProjectSettings:
    """Optimizer, loss and metrics of a form whose other texts cannot be read: what was chosen is still judged."""
    return ProjectSettings(name="", **_objective(form))


def _objective(form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "optimizer": form.get("optimizer", "").strip(),
        "loss": form.get("loss", "").strip(),
        "metrics": tuple(word.strip() for word in form.get("metrics", "").split(",") if word.strip()),
    }


class _Reader:
    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = form
        self.problems: list[Problem] = []

    def name(self) -> str:
        text = self._form.get("name", "").strip()
        if not text:
            self.problems.append(Problem("name", "Give the project a name."))
        if len(text) > MAX_NAME:
            self.problems.append(Problem("name", f"The name has {len(text)} letters; {MAX_NAME} is the most."))
        return text

    def whole(self, field: str, default: int, least: int, most: int) -> int:
        text = self._form.get(field, "").strip()
        if not text:
            return default
        try:
            value = int(text)
        except ValueError:
            self.problems.append(Problem(field, f"“{text[:40]}” is not a whole number."))
            return default
        if not least <= value <= most:
            self.problems.append(Problem(field, f"{value} is out of range: {least} to {most}."))
            return default
        return value

    def number(self, field: str, default: float, least: float, most: float) -> float:
        text = self._form.get(field, "").strip()
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            self.problems.append(Problem(field, f"“{text[:40]}” is not a number."))
            return default
        if not least <= value <= most:
            self.problems.append(Problem(field, f"{text[:40]} is out of range: {least:g} to {most:g}."))
            return default
        return value

    def rate(self) -> float | None:
        if not self._form.get("learning_rate", "").strip():
            return None
        return self.number("learning_rate", 0.001, 1e-12, 1000.0)

    def schedule(self) -> str:
        text = self._form.get("schedule", "").strip()
        if text and text not in schedules.SCHEDULES:
            self.problems.append(Problem("schedule", f"“{text[:40]}” is none of {', '.join(schedules.SCHEDULES)}."))
            return ""
        return text

    def warmup_rounds(self) -> int:
        rounds = self.whole("warmup_rounds", 0, 0, MAX_WARMUP)
        text = self._form.get("schedule", "").strip()
        if rounds and text in schedules.SCHEDULES and text not in schedules.WARM:
            self.problems.append(
                Problem(
                    "warmup_rounds",
                    f"Keras has no warm-up for a schedule that is {text}: set this to 0, or take cosine or constant.",
                )
            )
        return rounds

    def early_stopping(self, validated: bool) -> int:
        patience = self.whole("early_stopping", 0, 0, MAX_EPOCHS)
        if patience and not validated:
            sentence = "Early stopping looks at the validation loss: set some data aside, or set this to 0."
            self.problems.append(Problem("early_stopping", sentence))
        return patience

    def averaging(self) -> str:
        text = self._form.get("averaging", "").strip() or AUTO
        if text not in WISHES:
            self.problems.append(Problem("averaging", f"“{text[:40]}” is none of {', '.join(WISHES)}."))
            return AUTO
        return text

    def class_weights(self) -> str:
        text = self._form.get("class_weights", "").strip()
        if text.lower() == class_weights.BALANCED:
            return class_weights.BALANCED
        try:
            class_weights.read_pairs(text)
        except ValueError as error:
            self.problems.append(Problem("class_weights", str(error)))
            return ""
        return text
