"""The gradient blob: what a finished (part of a) unit looks like on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from volunteer.protocol.tensors import MalformedTensors, inspect, load, save


@dataclass(frozen=True)
class GradientBlob:
    """Sums over the unit's first `mini_batches` mini-batches.

    gradient: (P,) float32, the sum of n_i g_i; moving: (M,) float32, the sum of n_i (s_i - s);
    sums: (1 + S,) float64, the sum of n_i loss_i and then the metrics' state variables;
    seconds: what computing took, as the host says.
    """

    gradient: NDArray[np.float32]
    moving: NDArray[np.float32]
    sums: NDArray[np.float64]
    mini_batches: int
    examples: int
    seconds: float

    def encode(self) -> bytes:
        return save(
            {"gradient": self.gradient, "moving": self.moving, "sums": self.sums},
            {"mini_batches": str(self.mini_batches), "examples": str(self.examples), "seconds": repr(self.seconds)},
        )

    @staticmethod
    def decode(data: bytes) -> "GradientBlob":
        """Raises MalformedTensors unless the three vectors and the three numbers are there, with their dtypes."""
        tensors, metadata = load(data)
        wanted = {"gradient": np.float32, "moving": np.float32, "sums": np.float64}
        if set(tensors) != set(wanted):
            raise MalformedTensors(f"the tensors are {sorted(tensors)}, not {sorted(wanted)}")
        for name, dtype in wanted.items():
            if tensors[name].dtype != dtype or tensors[name].ndim != 1:
                raise MalformedTensors(f"{name} is not a vector of {np.dtype(dtype).name}")
        mini_batches, examples, seconds = _counts(metadata)
        return GradientBlob(
            tensors["gradient"], tensors["moving"], tensors["sums"], mini_batches, examples, seconds
        )


@dataclass(frozen=True)
class GradientSizes:
    """How long the three vectors of a project's gradients are."""

    gradient: int
    moving: int
    sums: int

    @property
    def most_bytes(self) -> int:
        """No gradient file of the project is larger: the tensors and 64 KiB for the header."""
        return 4 * (self.gradient + self.moving) + 8 * self.sums + 2**16


@dataclass(frozen=True)
class GradientClaim:
    """What a gradient file says it covers."""

    mini_batches: int
    examples: int
    seconds: float


def inspect_gradient(path: Path, sizes: GradientSizes) -> GradientClaim:
    """Check a file by its header alone. Raises MalformedTensors unless names, dtypes and lengths are the project's."""
    found, metadata = inspect(path)
    wanted = {
        "gradient": ("F32", (sizes.gradient,)),
        "moving": ("F32", (sizes.moving,)),
        "sums": ("F64", (sizes.sums,)),
    }
    if found != wanted:
        raise MalformedTensors(f"it holds {found}, not {wanted}"[:500])
    return GradientClaim(*_counts(metadata))


def _counts(metadata: Mapping[str, str]) -> tuple[int, int, float]:
    """(mini_batches, examples, seconds), each in its range."""
    try:
        mini_batches, examples = int(metadata["mini_batches"]), int(metadata["examples"])
        seconds = float(metadata["seconds"])
    except (KeyError, ValueError):
        raise MalformedTensors("mini_batches, examples and seconds must be numbers") from None
    if min(mini_batches, examples) < 1 or not 0 <= seconds < 1e9:
        raise MalformedTensors("mini_batches, examples and seconds are out of range")
    return mini_batches, examples, seconds
