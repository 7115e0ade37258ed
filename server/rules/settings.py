"""A requestor's settings of a project: read from the form's texts, with every mistake beside its field."""

from collections.abc import Mapping

import msgspec

from server.rules.problems import Problem

MAX_EPOCHS = 10_000
MAX_BATCH = 65_536
MAX_K = 100_000
MIN_DEADLINE_SECONDS = 30
MAX_DEADLINE_SECONDS = 7 * 24 * 3600
MAX_NAME = 120


class ProjectSettings(msgspec.Struct, frozen=True):
    """`report_deadline` is in seconds; `optimizer`, `loss` "" and `metrics` () mean: as compiled into the file.

    `learning_rate` None means the optimizer's own. With `scale_learning_rate` the rate is multiplied by K, which is
    what one step of K mini-batches instead of K steps asks for (Goyal et al. 2017, arXiv 1706.02677).
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


def read_settings(form: Mapping[str, str]) -> tuple[ProjectSettings | None, list[Problem]]:
    """The settings, or None with every problem that the texts have. Missing fields take their defaults."""
    reader = _Reader(form)
    batch_size = reader.whole("batch_size", 32, 1, MAX_BATCH)
    shard_examples = reader.whole("shard_examples", 256, 1, 10**7)
    settings = ProjectSettings(
        name=reader.name(),
        batch_size=batch_size,
        epochs=reader.whole("epochs", 5, 1, MAX_EPOCHS),
        k=reader.whole("k", 4, 1, MAX_K),
        # A mini-batch lies inside one shard: the size is rounded up to whole mini-batches.
        shard_examples=-(-shard_examples // max(batch_size, 1)) * batch_size,
        report_deadline=reader.whole("report_deadline", 600, MIN_DEADLINE_SECONDS, MAX_DEADLINE_SECONDS),
        validation_fraction=reader.number("validation_fraction", 0.1, 0.0, 0.9),
        optimizer=form.get("optimizer", "").strip(),
        learning_rate=reader.rate(),
        loss=form.get("loss", "").strip(),
        metrics=tuple(word.strip() for word in form.get("metrics", "").split(",") if word.strip()),
        scale_learning_rate=form.get("scale_learning_rate", "") not in ("", "0", "false"),
        seed=reader.whole("seed", 0, 0, 2**53),
    )
    if form.get("consent", "") in ("", "0", "false"):
        reader.problems.append(
            Problem("consent", "Data and model go to other people's machines in clear; tick the box if you agree.")
        )
    return (None if reader.problems else settings), reader.problems


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
