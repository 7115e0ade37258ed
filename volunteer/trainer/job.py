"""What the parent asks of the trainer and what comes of it, as values; also their form as frames."""

import enum
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volunteer.protocol.messages import GiveBackReason


@dataclass(frozen=True)
class Job:
    """One unit, all of whose files are here. `label` names it in the log; `shards`: file of each shard by number.

    `silence`: a child that makes no progress for so many seconds hangs; the child itself need not know.
    """

    label: str
    plan: Path
    plan_sha256: str
    weights: Path
    frozen: Path | None
    shards: dict[int, Path]
    epoch: int
    mini_batches: list[int]
    out: Path
    silence: float = math.inf

    def to_frame(self) -> dict[str, Any]:
        return {
            "plan": str(self.plan),
            "plan_sha256": self.plan_sha256,
            "weights": str(self.weights),
            "frozen": None if self.frozen is None else str(self.frozen),
            "shards": {str(number): str(path) for number, path in self.shards.items()},
            "epoch": self.epoch,
            "mini_batches": self.mini_batches,
            "out": str(self.out),
        }

    @staticmethod
    def from_frame(frame: dict[str, Any]) -> "Job":
        return Job(
            label="",
            plan=Path(frame["plan"]),
            plan_sha256=frame["plan_sha256"],
            weights=Path(frame["weights"]),
            frozen=None if frame["frozen"] is None else Path(frame["frozen"]),
            shards={int(number): Path(path) for number, path in frame["shards"].items()},
            epoch=frame["epoch"],
            mini_batches=frame["mini_batches"],
            out=Path(frame["out"]),
        )


class Kind(enum.StrEnum):
    """What the child says of the job with the number in the frame."""

    progress = "progress"
    computed = "computed"
    nothing = "nothing"
    failed = "failed"


@dataclass(frozen=True)
class Computed:
    """The gradient blob of the job's first `mini_batches` mini-batches lies in `path`, complete."""

    path: Path
    sha256: str
    mini_batches: int
    examples: int
    seconds: float


@dataclass(frozen=True)
class Nothing:
    """The job was given up; there is nothing to deliver."""


@dataclass(frozen=True)
class Failed:
    """The job cannot be computed here; `quitting` stands for a disk that is full."""

    reason: GiveBackReason
    detail: str


Outcome = Computed | Nothing | Failed
