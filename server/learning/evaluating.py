"""The model over one validation shard, as Keras's `evaluate` would see it.

No training, regularisation included.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.learning.workbench import Bench, Workbench
from server.rules.learning_values import EvaluateRequest, Evaluation
from volunteer.training.loops import make_evaluation_loop, stacked_specs
from volunteer.training.objective import read_states
from volunteer.training.runtime import tf
from volunteer.training.unit_data import open_shard

MAX_BYTES = 32 * 2**20
"""Of examples handed to the loop at once."""


def evaluate(workbench: Workbench, request: EvaluateRequest) -> Evaluation:
    """Sums over the shard.

    Raises ValueError (MalformedTensors) for a file that is not a shard of this project.
    """
    bench = workbench.of(Path(request.plan))
    bench.load(Path(request.weights), Path(request.frozen))
    x, y = open_shard(bench.plan, Path(request.shard))
    for metric in bench.parts.metrics:
        metric.reset_state()
    total = tf.zeros([], tf.float64)
    size = bench.plan.layout.batch_size
    whole = len(y) // size * size
    row_bytes = sum(values[:1].nbytes for values in (*x.values(), y))
    stride = max(1, MAX_BYTES // max(1, row_bytes * size)) * size
    for start in range(0, whole, stride):
        total = _over(bench, x, y, slice(start, min(start + stride, whole)), size, total)
    if whole < len(y):
        total = _over(bench, x, y, slice(whole, len(y)), len(y) - whole, total)
    return Evaluation([float(total.numpy()), *read_states(bench.parts.metrics).tolist()], len(y))


def _over(bench: Bench, x: dict[str, NDArray[Any]], y: NDArray[Any], rows: slice, size: int, total: Any) -> Any:
    def cut(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(values[rows]).reshape(-1, size, *values.shape[1:])

    batches, labels = {name: cut(values) for name, values in x.items()}, cut(y)
    specs = stacked_specs({name: values[0] for name, values in batches.items()}, labels[0])
    key = tuple((spec.shape, spec.dtype) for spec in (*specs[0].values(), specs[1]))
    if key not in bench.loops:
        bench.loops[key] = make_evaluation_loop(bench.parts, *specs)
    return bench.loops[key](batches, labels, total)
