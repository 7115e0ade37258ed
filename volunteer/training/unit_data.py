"""The mini-batches of a unit, cut out of shard files on disk. Maps the files.

Never holds a whole shard in memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from volunteer.plan.order import mini_batch_rows
from volunteer.plan.project_plan import ProjectPlan
from volunteer.protocol.tensors import MalformedTensors
from volunteer.training.gradients import MiniBatch
from volunteer.training.mapped import map_tensors

Shard = tuple[dict[str, NDArray[Any]], NDArray[Any]]


def read_mini_batches(
    plan: ProjectPlan, epoch: int, numbers: Sequence[int], shard_paths: Mapping[int, Path]
) -> Iterator[MiniBatch]:
    """The mini-batches `numbers` of `epoch`, in that order, out of the file of each shard they need.

    Raises MalformedTensors for a file that is not the shard that the plan describes, OSError for one that is
    missing.
    """
    opened: dict[int, Shard] = {}
    for number in numbers:
        number = int(number)
        shard = plan.layout.locate(number).shard
        if shard not in opened:
            opened[shard] = open_shard(plan, shard_paths[shard], plan.layout.rows(shard))
        x, y = opened[shard]
        rows = mini_batch_rows(plan.seed, epoch, plan.layout, number)
        yield MiniBatch(number, {name: values[rows] for name, values in x.items()}, y[rows])


def open_shard(plan: ProjectPlan, path: Path, rows: int | None = None) -> Shard:
    """(x by input name, y) of a shard file, mapped. Raises MalformedTensors when it does not fit the plan."""
    tensors = map_tensors(path)
    wanted = {f"x/{spec.name}" for spec in plan.inputs} | {"y"}
    if set(tensors) != wanted:
        raise MalformedTensors(f"the shard holds {sorted(tensors)}, not {sorted(wanted)}")
    rows = len(tensors["y"]) if rows is None else rows
    if any(len(values) != rows for values in tensors.values()):
        raise MalformedTensors(f"the shard does not hold {rows} examples")
    return {spec.name: tensors[f"x/{spec.name}"] for spec in plan.inputs}, tensors["y"]
