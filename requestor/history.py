"""What a training has measured, shaped like the History that Keras's fit gives back."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from volunteer.protocol.requestor_messages import Round


class History:
    """`history`: for each measure ("loss", "accuracy", "val_loss", ...) one number an epoch; `epoch`: their numbers.

    Training measures are means over an epoch's examples, as reported by hosts. A measure that was not taken is NaN.
    `model` holds the trained weights; `project` is the project's number on the grid.
    """

    def __init__(self, rounds: Iterable[Round], params: Mapping[str, Any], model: Any = None, project: int = 0) -> None:
        epochs = _by_epoch(rounds)
        self.epoch = sorted(epochs)
        self.params = dict(params)
        self.model = model
        self.project = project
        rows = [_row(epochs[number]) for number in self.epoch]
        names = list(dict.fromkeys(name for row in rows for name in row))
        self.history: dict[str, list[float]] = {name: [row.get(name, math.nan) for row in rows] for name in names}

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of project {self.project}: {len(self.epoch)} epochs; {last}>"


def _by_epoch(rounds: Iterable[Round]) -> dict[int, list[Round]]:
    epochs: dict[int, list[Round]] = {}
    for each in rounds:
        epochs.setdefault(each.epoch, []).append(each)
    return epochs


def _row(rounds: list[Round]) -> dict[str, float]:
    row = {"loss": _mean([(each.loss, each.examples) for each in rounds])}
    for name in dict.fromkeys(name for each in rounds for name in each.metrics):
        row[name] = _mean([(each.metrics.get(name), each.examples) for each in rounds])
    measured = [each for each in rounds if each.validation_loss is not None]
    if measured:
        last = measured[-1]
        row["val_loss"] = _number(last.validation_loss)
        row.update({f"val_{name}": _number(value) for name, value in last.validation_metrics.items()})
    return row


def _mean(weighted: list[tuple[float | None, int]]) -> float:
    examples = sum(count for _, count in weighted)
    return sum(_number(value) * count for value, count in weighted) / examples if examples else math.nan


def _number(value: float | None) -> float:
    """What JSON cannot say, a number that is not finite, comes as null."""
    return math.nan if value is None else value
