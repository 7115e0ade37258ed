"""Units computed as other machines would: a process a machine, with its threads, libraries and instruction set.

python -m tests.support.other_machines FOLDER OUT --threads N --sizes 1,20 --units N [--cheats]
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.rules.quorum import Vectors

ROOT = Path(__file__).parents[2]
HONEST = "honest"


@dataclass(frozen=True)
class Machine:
    """`python`: another interpreter, which may have another TensorFlow."""

    name: str
    threads: int = 1
    environment: tuple[tuple[str, str], ...] = ()
    python: str = sys.executable


REFERENCE = Machine("reference: 1 thread")
OTHERS = (
    Machine("the same once more"),
    Machine("2 threads", 2),
    Machine("4 threads", 4),
    Machine("oneDNN off", 1, (("TF_ENABLE_ONEDNN_OPTS", "0"),)),
    Machine("oneDNN off, 2 threads", 2, (("TF_ENABLE_ONEDNN_OPTS", "0"),)),
    Machine("AVX-512", 1, (("ONEDNN_MAX_CPU_ISA", "AVX512_CORE"),)),
    Machine("AVX2", 1, (("ONEDNN_MAX_CPU_ISA", "AVX2"),)),
    Machine("AVX, 2 threads", 2, (("ONEDNN_MAX_CPU_ISA", "AVX"),)),
    Machine("SSE4.1", 1, (("ONEDNN_MAX_CPU_ISA", "SSE41"),)),
    Machine("deterministic operations", 2, (("TF_DETERMINISTIC_OPS", "1"),)),
)
"""oneDNN's limits imitate older processors; Eigen's own kernels stay what this processor has."""


def prepare(folder: Path, batch: int) -> Path:
    """The cases, written by a process of their own: this one need not load TensorFlow."""
    _run([sys.executable, "-m", "tests.support.agreement_networks", str(folder), str(batch)], {})
    return folder


def compute_on(machine: Machine, folder: Path, out: Path, sizes: str, units: int, cheats: bool = False) -> Path:
    """All cases of `folder`. Raises CalledProcessError where that machine cannot."""
    command = [machine.python, "-m", "tests.support.other_machines", str(folder), str(out)]
    command += ["--threads", str(machine.threads), "--sizes", sizes, "--units", str(units)]
    _run(command + ["--cheats"] * cheats, dict(machine.environment))
    return out


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=os.environ | environment | {"TF_CPP_MIN_LOG_LEVEL": "3"}, check=True, cwd=ROOT)


def read_results(out: Path, case: int) -> Iterator[dict[str, Vectors]]:
    """Unit after unit: the vectors by what was done, HONEST or the name of a cheat."""
    with np.load(out / f"{case}.npz") as file:
        arrays = dict(file)
    examples = arrays.pop("examples")
    kinds = sorted({name.split("/")[0] for name in arrays})
    for unit, count in enumerate(examples):
        yield {
            kind: Vectors(
                arrays[f"{kind}/gradient"][unit],
                arrays[f"{kind}/moving"][unit],
                arrays[f"{kind}/sums"][unit],
                int(count),
            )
            for kind in kinds
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--sizes", required=True)
    parser.add_argument("--units", type=int, required=True)
    parser.add_argument("--cheats", action="store_true")
    options = parser.parse_args()
    # Imported only here: the process that starts these children reads their results without TensorFlow.
    from tests.support.agreement_networks import read_cases
    from tests.support.unit_computer import UnitComputer

    options.out.mkdir(parents=True, exist_ok=True)
    sizes = [int(size) for size in options.sizes.split(",")]
    computer: UnitComputer | None = None
    for number, case in enumerate(read_cases(options.folder)):
        if computer is None or not computer.turn_to(case):
            computer = UnitComputer(case, options.folder / "data.npz", options.threads)
        units = [computer.unit(unit, sizes[unit % len(sizes)], options.cheats) for unit in range(options.units)]
        arrays = {
            f"{kind}/{part}": np.stack([getattr(unit[kind], part) for unit in units])
            for kind in units[0]
            for part in ("gradient", "moving", "sums")
        }
        np.savez(options.out / f"{number}.npz", examples=[unit[HONEST].examples for unit in units], **arrays)


if __name__ == "__main__":
    main()
