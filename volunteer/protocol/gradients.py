"""The gradient blob: what a finished (part of a) unit looks like on the wire."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from volunteer.protocol.tensors import MalformedTensors, load, save


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
        try:
            counts = int(metadata["mini_batches"]), int(metadata["examples"])
            seconds = float(metadata["seconds"])
        except (KeyError, ValueError):
            raise MalformedTensors("mini_batches, examples and seconds must be numbers") from None
        if min(counts) < 1 or not 0 <= seconds < 1e9:
            raise MalformedTensors("mini_batches, examples and seconds are out of range")
        return GradientBlob(tensors["gradient"], tensors["moving"], tensors["sums"], *counts, seconds)
