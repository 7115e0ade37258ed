"""What one host works with; put together by `bootstrap`."""

import threading
from dataclasses import dataclass, field

from volunteer.agent.gate import Gate
from volunteer.agent.patience import Patience
from volunteer.agent.ports import Grid, Trainer
from volunteer.spool.blobs import BlobCache
from volunteer.spool.gradients import GradientSpool


@dataclass(frozen=True)
class Tools:
    """`stop` is set when this host is to end: nothing new is begun. `hard_stop`: nothing is tried again either.

    `gate` is closed while it is paused.
    """

    grid: Grid
    trainer: Trainer
    blobs: BlobCache
    gradients: GradientSpool
    patience: Patience = field(default_factory=Patience)
    stop: threading.Event = field(default_factory=threading.Event)
    hard_stop: threading.Event = field(default_factory=threading.Event)
    gate: Gate = field(default_factory=Gate)
