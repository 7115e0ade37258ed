"""Early stopping: when the validation loss at the epochs' ends says that more training is in vain."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stop:
    """Both count from 1: the epoch after which training stops, and the one whose weights were the best."""

    epoch: int
    best: int


def stop_at(losses: Sequence[float | None], patience: int) -> Stop | None:
    """Whether the best of the epochs' losses is `patience` epochs or more behind the last that was measured.

    `losses[i]`: after epoch i + 1, None where it is not measured (yet): such an epoch says nothing, so nobody is
    stopped over it. Equal is not better; a loss that is not finite is worse than all others.
    """
    measured = [
        (loss if math.isfinite(loss) else math.inf, number) for number, loss in enumerate(losses, 1) if loss is not None
    ]
    if not patience or not measured:
        return None
    best, last = min(measured)[1], measured[-1][1]
    since = sum(1 for _, number in measured if number > best)
    return Stop(last, best) if since >= patience else None


def sentence(stop: Stop, patience: int) -> str:
    epochs = "1 epoch" if patience == 1 else f"{patience} epochs"
    return (
        f"Stopped early after epoch {stop.epoch}: the validation loss has not improved for {epochs}; "
        f"the best was epoch {stop.best}."
    )
