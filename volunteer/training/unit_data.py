"""The mini-batches of a unit, cut out of shard files on disk. Maps the files; never holds a whole shard in memory."""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volunteer.plan.order import mini_batch_rows
from volunteer.plan.project_plan import ProjectPlan
from volunteer.protocol.tensors import MAX_HEADER, MalformedTensors
from volunteer.training.gradients import MiniBatch

Shard = tuple[dict[str, NDArray[Any]], NDArray[Any]]
_DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "U16": np.uint16, "I16": np.int16, "U32": np.uint32,
    "I32": np.int32, "U64": np.uint64, "I64": np.int64, "F16": np.float16, "F32": np.float32, "F64": np.float64,
}  # fmt: skip


def read_mini_batches(
    plan: ProjectPlan, epoch: int, numbers: Sequence[int], shard_paths: Mapping[int, Path]
) -> Iterator[MiniBatch]:
    """The mini-batches `numbers` of `epoch`, in that order; `shard_paths` names the file of each shard they need.

    Raises MalformedTensors for a file that is not the shard that the plan describes, OSError for one that is missing.
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


def map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read-only views into a safetensors file, without reading it. Raises MalformedTensors, OSError."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(MAX_HEADER, size - 8):
                raise MalformedTensors("the header does not fit")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        return {name: _map_one(path, 8 + length, size, entry) for name, entry in header.items()}
    except (struct.error, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise MalformedTensors(f"not a safetensors file: {error}") from None


def _map_one(path: Path, start: int, size: int, entry: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    shape = tuple(int(length) for length in entry["shape"])
    first, end = entry["data_offsets"]
    count = int(np.prod(shape, dtype=object))
    if min(shape, default=0) < 0 or first < 0 or end - first != count * dtype.itemsize or start + end > size:
        raise ValueError("a tensor reaches beyond the file")
    if count == 0:
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", offset=start + first, shape=shape)
