"""The learner as the rest of the server sees it: calls into supervised processes that know TensorFlow."""

import dataclasses
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
NICE = 10
"""Of the process that evaluates: niceness protects other work better than fewer threads would (measured)."""

NICEST = 19
"""Of the process that recomputes what hosts have: everything else on the machine goes before it."""

_RECOMPUTE = 3.0


class ChildLearner:
    """Four processes: for rounds, to inspect uploads, to evaluate and to recompute; the last three end when idle.

    So neither a stranger's upload that takes minutes to try, or kills its process, nor a large validation set holds up
    a round; what evaluates is nice to what steps, and what recomputes to both. Every method
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
        gently = dataclasses.replace(limits, nice=NICE)
        self._evaluations = Worker(folder / "evaluations", gently, threads, idle_seconds)
        most_gently = dataclasses.replace(limits, nice=NICEST)
        self._audits = Worker(folder / "audits", most_gently, threads, idle_seconds)

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

    def recompute(self, request: GradientRequest) -> None:
        """As `gradient`, of what a host has computed: gently, however long it takes within reason."""
        self._audits.call("gradient", msgspec.to_builtins(request), _RECOMPUTE * self._seconds)

    def recompute_no_more(self) -> None:
        """What is being recomputed fails at once, and so does what is asked for later."""
        self._audits.close()

    def evaluate(self, request: EvaluateRequest) -> Evaluation:
        """Loss and metric sums over one validation shard."""
        return self._ask(self._evaluations, "evaluate", request, Evaluation)

    def evaluation_result(self, plan: str, sums: list[float], examples: int) -> EvaluationResult:
        """Loss and metrics of summed evaluations. `plan` is the path of the plan's blob."""
        request = ResultRequest(plan=plan, sums=sums, examples=examples)
        return self._ask(self._evaluations, "evaluation_result", request, EvaluationResult)

    def close(self) -> None:
        """End all processes."""
        for worker in (self._work, self._inspections, self._evaluations, self._audits):
            worker.close()

    def _ask(self, worker: Worker, name: str, request: Any, kind: type[Answer]) -> Answer:
        return msgspec.convert(worker.call(name, msgspec.to_builtins(request), self._seconds), kind)
