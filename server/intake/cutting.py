"""Cut checked examples into shards: shuffled once by seed, split for validation, written block by block."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.intake.blocks import Array, rows_at_once
from server.intake.label_checks import class_numbers
from server.intake.shard_writing import ShardColumn, write_shard
from server.intake.written_rows import label_dtype, shaped
from server.rules.intake_values import Cut, CutRequest, Examples, ShardFile
from volunteer.plan.order import dataset_order, validation_rows
from volunteer.plan.refused import Refused
from volunteer.plan.shards import ShardLayout

Rows = NDArray[np.int64]


def cut(request: CutRequest) -> Cut:
    """Write `shard-00000.safetensors`, ... and `validation-00000.safetensors`, ... into `request.out`."""
    training, validation = request.training, request.validation
    rows = np.arange(training.rows, dtype=np.int64)
    held_out: Rows = np.zeros(0, np.int64)
    if validation is None and request.validation_fraction > 0:
        classes = class_numbers(shaped(training.labels), request.rule)
        rows, held_out = validation_rows(request.seed, classes, training.rows, request.validation_fraction)
        if not held_out.size:
            raise Refused("There are too few examples to keep some for validation.", "validation_fraction")
    rows = rows[dataset_order(request.seed, len(rows))]
    layout = ShardLayout(len(rows), request.batch_size, request.shard_examples)
    out = Path(request.out)
    out.mkdir(parents=True, exist_ok=True)
    shards = _write(training, rows, request, out, "shard")
    if validation is not None:
        kept = _write(validation, np.arange(validation.rows, dtype=np.int64), request, out, "validation")
    else:
        kept = _write(training, held_out, request, out, "validation")
    return Cut(layout, shards, kept)


def _write(examples: Examples, rows: Rows, request: CutRequest, out: Path, stem: str) -> tuple[ShardFile, ...]:
    """Consecutive pieces of `rows`, each a file of at most `shard_examples` examples."""
    columns = [(f"x/{array.name}", shaped(array), np.dtype(array.dtype)) for array in examples.inputs]
    labels = shaped(examples.labels)
    columns.append(("y", labels, label_dtype(labels, request.rule)))
    written = []
    for number, start in enumerate(range(0, len(rows), request.shard_examples)):
        chosen = rows[start : start + request.shard_examples]
        parts = [
            ShardColumn(name, dtype, source.shape[1:], _gather(source, chosen, dtype))
            for name, source, dtype in columns
        ]
        path = out / f"{stem}-{number:05d}.safetensors"
        written.append(ShardFile(str(path), len(chosen), write_shard(path, len(chosen), parts)))
    return tuple(written)


def _gather(source: Array, rows: Rows, dtype: np.dtype[Any]) -> Iterator[Array]:
    """The chosen rows in order; each block is read in ascending order, then put into the order asked."""
    step = rows_at_once(source)
    for start in range(0, len(rows), step):
        chosen = rows[start : start + step]
        ascending = np.argsort(chosen, kind="stable")
        block = np.empty((len(chosen), *source.shape[1:]), dtype)
        block[ascending] = source[chosen[ascending]]
        yield block
