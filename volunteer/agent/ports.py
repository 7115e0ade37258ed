"""What the agent needs of the rooms that speak HTTP and that compute, so that tests can stand in for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from volunteer.protocol.messages import (
    Attached,
    AttachRequest,
    BlobRef,
    GiveBack,
    HeartbeatReply,
    ReportReply,
    WorkReply,
    WorkRequest,
)
from volunteer.trainer.job import Job, Outcome
from volunteer.trainer.reins import Reins


class Grid(Protocol):
    """Each method raises RetryLater, DropResult or StopAndTell; see `volunteer.client.grid.GridClient`."""

    def use_token(self, token: str) -> None: ...
    def attach(self, request: AttachRequest) -> Attached: ...
    def work(self, request: WorkRequest) -> WorkReply: ...
    def download(self, blob: BlobRef, part: Path, go_on: Callable[[], bool]) -> None: ...
    def heartbeat(self, result: str, done: int) -> HeartbeatReply: ...
    def report(self, result: str, path: Path, sha256: str, resume: bool = ...) -> ReportReply: ...
    def give_back(self, result: str, message: GiveBack, patience: float = ...) -> None: ...


class Trainer(Protocol):
    """See `volunteer.trainer.process.TrainerProcess`."""

    def warm_up(self) -> None: ...
    def compute(self, job: Job, reins: Reins, progress: Callable[[int], None]) -> Outcome: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...
