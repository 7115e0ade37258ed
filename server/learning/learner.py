"""The learner as the rest of the server sees it: calls into supervised processes that know TensorFlow."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from server.learning.worker import Worker
from server.rules.learning_values import (
    EvaluateRequest,
    Evaluation,
    EvaluationResult,
    GradientRequest,
    Inspection,
    InspectRequest,
    ResultRequest,
    StepReport,
    StepRequest,
)
from volunteer.children.limits import Limits

Answer = TypeVar("Answer")
GIB = 2**30
# TensorFlow itself needs 1 GiB of RLIMIT_DATA; the rest is for the model, its optimizer's slots and a
# gradient.
DEFAULT_LIMITS = Limits(data=6 * GIB)


class ChildLearner:
    """Two processes: one for the projects at work, and one for inspecting uploads, which ends when idle.

    So a stranger's upload that takes minutes to try, or kills its process, holds up no round. Every method
    may be called from any thread. All raise Refused where the project is at fault, and LearnerFailed where
    the process died or took longer than `seconds`; a call that failed may be repeated.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits = DEFAULT_LIMITS,
        *,
        threads: int | None = None,
        seconds: float = 300.0,
        idle_seconds: float = 60.0,
    ) -> None:
        self._seconds = seconds
        self._work = Worker(folder / "work", limits, threads)
        self._inspections = Worker(folder / "inspections", limits, threads, idle_seconds)

    def start(self) -> None:
        """Start the process for steps ahead of the first of them (it takes seconds)."""
        self._work.start()

    def inspect(self, request: InspectRequest) -> Inspection:
        """Build a checked upload and try a training step on it."""
        return self._ask(self._inspections, "inspect", request, Inspection)

    def step(self, request: StepRequest) -> StepReport:
        """Aggregate a round and step the optimizer."""
        return self._ask(self._work, "step", request, StepReport)

    def gradient(self, request: GradientRequest) -> None:
        """Compute a unit as a host would; the blob is written to `request.out`."""
        self._work.call("gradient", msgspec.to_builtins(request), self._seconds)

    def evaluate(self, request: EvaluateRequest) -> Evaluation:
        """Loss and metric sums over one validation shard."""
        return self._ask(self._work, "evaluate", request, Evaluation)

    def evaluation_result(self, plan: str, sums: list[float], examples: int) -> EvaluationResult:
        """Loss and metrics of summed evaluations. `plan` is the path of the plan's blob."""
        request = ResultRequest(plan=plan, sums=sums, examples=examples)
        return self._ask(self._work, "evaluation_result", request, EvaluationResult)

    def close(self) -> None:
        """End both processes."""
        self._work.close()
        self._inspections.close()

    def _ask(self, worker: Worker, name: str, request: Any, kind: type[Answer]) -> Answer:
        return msgspec.convert(worker.call(name, msgspec.to_builtins(request), self._seconds), kind)
