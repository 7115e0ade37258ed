"""One round's end: the gradients of its results become one, the optimizer makes one step."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.learning.workbench import Bench, Workbench
from server.rules.aggregation import mean_over_examples, moved, norm, total_sums
from server.rules.learning_values import EvaluationResult, ResultRequest, StepReport, StepRequest
from volunteer.plan.project_plan import ProjectPlan, Role, Weights, split
from volunteer.protocol.tensors import save
from volunteer.training.mapped import map_tensors
from volunteer.training.objective import results_of
from volunteer.training.variables import Vector, read_weights


def step(workbench: Workbench, request: StepRequest) -> StepReport:
    """Writes weights.safetensors and optimizer.safetensors into `request.out`, unless a number is not finite.

    The same request gives the same bytes. Raises ValueError for files that do not belong to the plan.
    """
    started = time.perf_counter()
    bench = workbench.of(Path(request.plan))
    before = bench.load(Path(request.weights), Path(request.frozen))
    gradient, change, sums = _aggregate(bench.plan, request)
    after = Weights(before.trainable, _moved(bench.plan, before.moving, change, request.mini_batches))
    result = _result(bench, sums, sum(file.examples for file in request.gradients))
    finite = bool(np.isfinite(gradient).all() and np.isfinite(sums).all())
    if finite:
        bench.stepper.restore(Path(request.optimizer) if request.optimizer else None)
        bench.stepper.step(split(gradient, bench.plan.of_role(Role.trainable)))
        after = Weights(read_weights(bench.parts.bound).trainable, after.moving)
        finite = bool(np.isfinite(after.trainable).all() and np.isfinite(after.moving).all())
        finite = finite and bench.stepper.finite
    files = _write(bench, after, Path(request.out)) if finite else {}
    return StepReport(
        finite=finite,
        loss=result.loss,
        metrics=result.metrics,
        gradient_norm=norm(gradient),
        seconds=time.perf_counter() - started,
        **files,
    )


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
        mean_over_examples([file[name] for file in files], size, examples) for name, size in sizes.items()
    )
    return gradient, change, total_sums([np.asarray(file["sums"], np.float64) for file in files])


def _moved(plan: ProjectPlan, state: Vector, change: Vector, k: int) -> Vector:
    specs = plan.of_role(Role.moving)
    momentum = np.repeat([float(spec.momentum or 0.0) for spec in specs], [spec.size for spec in specs])
    return moved(state, change, momentum.astype(np.float64), k)


def _result(bench: Bench, sums: NDArray[np.float64], examples: int) -> EvaluationResult:
    if examples < 1:
        raise ValueError("a mean needs examples")
    return EvaluationResult(float(sums[0]) / examples, results_of(bench.parts.metrics, sums[1:]))


def _write(bench: Bench, after: Weights, out: Path) -> dict[str, str]:
    out.mkdir(parents=True, exist_ok=True)
    files = {"weights": out / "weights.safetensors", "optimizer": out / "optimizer.safetensors"}
    files["weights"].write_bytes(save({"trainable": after.trainable, "moving": after.moving}))
    files["optimizer"].write_bytes(bench.stepper.encode())
    return {name: str(path) for name, path in files.items()}
