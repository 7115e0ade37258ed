"""One round's end: the gradients of its results become one, the optimizer makes one step."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.learning.workbench import Bench, Workbench
from server.rules.aggregation import Sliceable, mean_over_examples, moved, norm, total_sums
from server.rules.averaging import Averaging
from server.rules.learning_values import EvaluationResult, ResultRequest, StepReport, StepRequest
from volunteer.plan.project_plan import ProjectPlan, Role, split
from volunteer.protocol.tensors import save
from volunteer.training.mapped import map_tensors
from volunteer.training.objective import results_of
from volunteer.training.variables import Vector, read_weights


def step(workbench: Workbench, request: StepRequest) -> StepReport:
    """Writes weights.safetensors and optimizer.safetensors into `request.out`, unless a number is not finite.

    The same request gives the same bytes, whatever was computed before. Raises ValueError for files that do not
    belong to the plan.
    """
    started = time.perf_counter()
    bench = workbench.of(Path(request.plan))
    before = bench.load(Path(request.weights), Path(request.frozen))
    gradient, change, sums = _aggregate(bench.plan, request)
    moving = _moved(bench.plan, before, change, request.mini_batches)
    result = _result(bench, sums, sum(file.examples for file in request.gradients))
    finite = all(bool(np.isfinite(numbers).all()) for numbers in (gradient, sums, moving))
    files = _take_step(bench, request, gradient, moving) if finite else {}
    return StepReport(
        finite=bool(files),
        loss=result.loss,
        metrics=result.metrics,
        gradient_norm=norm(gradient),
        seconds=time.perf_counter() - started,
        **files,
    )


def _take_step(bench: Bench, request: StepRequest, gradient: Vector, moving: Vector) -> dict[str, str]:
    """The optimizer's step from the weights that the bench holds: paths and SHA-256 of the two files written.

    Nothing when a number came out that is not finite; then nothing is written either.
    """
    bench.restore(Path(request.optimizer) if request.optimizer else None)
    # From here until it is known what came of it: should anything fail, the next step reads the files again.
    bench.let_go()
    bench.stepper.step(split(gradient, bench.plan.of_role(Role.trainable)))
    trainable = read_weights(bench.parts.bound).trainable
    optimizer = bench.stepper.encode() if np.isfinite(trainable).all() else None
    if optimizer is None:
        return {}
    out = Path(request.out)
    out.mkdir(parents=True, exist_ok=True)
    weights = save({"trainable": trainable, "moving": moving})
    written: dict[str, str] = {}
    for name, data in (("weights", weights), ("optimizer", optimizer)):
        path = out / f"{name}.safetensors"
        path.write_bytes(data)
        written |= {name: str(path), f"{name}_sha256": hashlib.sha256(data).hexdigest()}
    bench.hold(moving, written["weights_sha256"], written["optimizer_sha256"])
    return written


def evaluation_result(workbench: Workbench, request: ResultRequest) -> EvaluationResult:
    """Loss and metrics of summed sums. Raises ValueError when they are not sums of this project."""
    return _result(workbench.of(Path(request.plan)), np.asarray(request.sums), request.examples)


def _aggregate(plan: ProjectPlan, request: StepRequest) -> tuple[Vector, Vector, NDArray[np.float64]]:
    files = [map_tensors(Path(file.path)) for file in request.gradients]
    examples = [file.examples for file in request.gradients]
    sizes = {"gradient": plan.size_of(Role.trainable), "moving": plan.size_of(Role.moving)}
    for name, size in sizes.items():
        if any(file[name].shape != (size,) or file[name].dtype != np.float32 for file in files):
            raise ValueError(f"a result's {name} is not a vector of {size} float32")
    gradient, change = (
        _average(request.averaging, [file[name] for file in files], size, examples) for name, size in sizes.items()
    )
    return gradient, change, total_sums([np.asarray(file["sums"], np.float64) for file in files])


def _average(rule: Averaging, vectors: Sequence[Sliceable], size: int, examples: Sequence[int]) -> Vector:
    if rule is Averaging.mean:
        return mean_over_examples(vectors, size, examples)
    # numba is half a second and 60 MB, and few processes and rounds need it.
    from server.learning.averaging import robust_average

    return robust_average(rule, vectors, size, examples)


def _moved(plan: ProjectPlan, state: Vector, change: Vector, k: int) -> Vector:
    specs = plan.of_role(Role.moving)
    momentum = np.repeat([float(spec.momentum or 0.0) for spec in specs], [spec.size for spec in specs])
    return moved(state, change, momentum.astype(np.float64), k)


def _result(bench: Bench, sums: NDArray[np.float64], examples: int) -> EvaluationResult:
    if examples < 1:
        raise ValueError("a mean needs examples")
    return EvaluationResult(float(sums[0]) / examples, results_of(bench.parts.metrics, sums[1:]))
