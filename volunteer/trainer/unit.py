"""One unit in the child: chunk by chunk through the engine, to a gradient file. Imports TensorFlow only when run."""

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from volunteer.plan.project_plan import ProjectPlan, Role, Weights
from volunteer.protocol.gradients import GradientBlob
from volunteer.protocol.tensors import MalformedTensors, load
from volunteer.trainer.job import Job
from volunteer.trainer.reins import Wish

if TYPE_CHECKING:
    from volunteer.training.gradients import Engine, MiniBatch
    from volunteer.training.pace import Pace


def run_chunks(
    engine: "Engine",
    batches: "Iterator[MiniBatch]",
    total: int,
    pace: "Pace",
    wish: Callable[[], Wish],
    progress: Callable[[int, float], None],
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """Give the engine the `total` mini-batches in order; after each chunk look whether to stop. How many were done.

    `progress(done, seconds)` is told of each chunk and may take its time (that is how the trainer rests). `clock`
    stands still while this process is suspended: a pause makes no chunk slow.
    """
    done, bytes_each = 0, 0
    # The first chunk of a project pays for tracing: it says nothing of the machine's speed.
    fresh = pace.seconds_each is None
    while done < total and wish() is Wish.go_on:
        count = pace.next_count(total - done, bytes_each)
        chunk = list(itertools.islice(batches, count))
        bytes_each = max(bytes_each, _bytes_of(chunk[0]))
        started = clock()
        engine.add(chunk)
        seconds = clock() - started
        if fresh:
            fresh, seconds = False, 0.0
        else:
            pace.measured(len(chunk), seconds)
        done += len(chunk)
        progress(done, seconds)
    return done


def read_start(plan: ProjectPlan, job: Job) -> tuple[Weights, Any]:
    """(weights, frozen (F,)) of the job. Raises MalformedTensors when they are not the plan's."""
    tensors = load(job.weights)[0]
    frozen = np.zeros(0, np.float32) if job.frozen is None else load(job.frozen)[0].get("frozen")
    wanted = {
        Role.trainable: tensors.get("trainable"),
        Role.moving: tensors.get("moving"),
        Role.frozen: frozen,
    }
    for role, vector in wanted.items():
        if vector is None or vector.dtype != np.float32 or vector.shape != (plan.size_of(role),):
            raise MalformedTensors(f"the {role} weights are not {plan.size_of(role)} float32 numbers")
    return Weights(tensors["trainable"], tensors["moving"]), frozen


def write_gradient(engine: "Engine", out: Path, started: float, clock: Callable[[], float]) -> dict[str, Any]:
    """Write the engine's sums to `out`, whole or not at all; what to tell the parent of it.

    `seconds` says how long it took, rests included, and time in which the person had this process suspended not: the
    server sizes units by what this host gets done.
    """
    sums = engine.sums()
    seconds = clock() - started
    blob = GradientBlob(
        gradient=sums.gradient,
        moving=sums.moving,
        sums=sums.sums,
        mini_batches=sums.mini_batches,
        examples=sums.examples,
        seconds=seconds,
    ).encode()
    temporary = out.with_suffix(".new")
    try:
        temporary.write_bytes(blob)
    except OSError:
        # What there was of it may be all that was left of the disk.
        temporary.unlink(missing_ok=True)
        raise
    os.replace(temporary, out)
    return {
        "sha256": hashlib.sha256(blob).hexdigest(),
        "mini_batches": sums.mini_batches,
        "examples": sums.examples,
        "seconds": seconds,
    }


def _bytes_of(batch: "MiniBatch") -> int:
    return batch.y.nbytes + sum(values.nbytes for values in batch.x.values())
