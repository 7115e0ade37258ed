"""`make bench`: the robust rules against the plain mean and against numpy's own words for the same, over mapped files.

Ratios, not times; and what compiling costs the learner, once for a grid and once for a process.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.learning.averaging import robust_average
from server.rules.aggregation import mean_over_examples
from server.rules.averaging import Averaging

RESULTS = 20
SIZES = ((100_000, "0.4 MB"), (1_200_000, "4.8 MB"), (12_000_000, "48 MB"))
REPEATS = 3
Vectors = list[NDArray[np.float32]]


def clipped_by_numpy(sums: Vectors, examples: list[int]) -> NDArray[np.float32]:
    """Centered clipping with nothing but numpy, and all of it in memory."""
    g = np.stack([s / np.float32(n) for s, n in zip(sums, examples, strict=True)])
    weights = np.array(examples) / sum(examples)
    centre = np.median(g, axis=0)
    tau = np.median(np.linalg.norm(g - centre, axis=1))
    for _ in range(3):
        apart = g - centre
        factors = weights * np.minimum(1, tau / np.linalg.norm(apart, axis=1))
        centre = centre + (factors[:, None].astype(np.float32) * apart).sum(axis=0)
    return centre.astype(np.float32)


def seconds(call: Callable[[], object]) -> float:
    """The best of some."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def start(cache: str) -> float:
    """Seconds that a process takes until the kernels can be called."""
    code = (
        "import numpy, time; began = time.perf_counter(); import server.learning.averaging; "
        "print(time.perf_counter() - began)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"NUMBA_CACHE_DIR": cache, "PYTHONPATH": "."}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def main() -> None:
    print(f"averaging {RESULTS} results from mapped files, in times of the plain mean (and numpy's centered clipping)")
    with tempfile.TemporaryDirectory() as folder:
        for size, words in SIZES:
            mapped = []
            for number in range(RESULTS):
                path = Path(folder) / f"{size}-{number}"
                np.random.default_rng(number).standard_normal(size, np.float32).tofile(path)
                mapped.append(np.memmap(path, np.float32, "r"))
            print(f"  {words:>7}: {row(mapped, size)}", flush=True)
        cache = str(Path(folder) / "kernels")
        print(f"  the kernels are ready after {start(cache):.1f} s the first time, {start(cache):.1f} s ever after")


def row(mapped: list[np.memmap], size: int) -> str:
    examples = [32] * RESULTS
    mean = seconds(lambda: mean_over_examples(mapped, size, examples))
    parts = [f"mean {1000 * mean:.1f} ms"]
    for rule in (rule for rule in Averaging if rule is not Averaging.mean):
        taken = seconds(lambda rule=rule: robust_average(rule, mapped, size, examples))  # type: ignore[misc]
        parts.append(f"{rule.value} x {taken / mean:.1f}")
    parts.append(f"numpy x {seconds(lambda: clipped_by_numpy(mapped, examples)) / mean:.1f}")
    return ", ".join(parts)


if __name__ == "__main__":
    main()
