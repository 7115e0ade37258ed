"""Seven ways to lie about a gradient, and the noise that honest machines differ by. Knows no grid."""

import dataclasses
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from volunteer.protocol.gradients import GradientBlob
from volunteer.training.gradients import MiniBatch

HONEST_NOISE = (1e-6, 3e-4)
"""Relative, as measured between honest machines (other threads, instruction sets, versions); each has its own level."""

STALE_ROUNDS = 5
FLIPPED = (7, 1)
"""The subtle liar calls a seven a one, and sends the honest gradient of that."""

Compute = Callable[[int, Callable[[MiniBatch], MiniBatch]], GradientBlob]
"""The gradient of the leased unit with the weights of so many rounds ago, and with its mini-batches changed."""


@dataclass(frozen=True)
class Task:
    """What a liar works from. `secret` is the same for liars who agree with each other."""

    compute: Compute
    unit: tuple[int, ...]
    host: int
    secret: int

    @property
    def honest(self) -> GradientBlob:
        return self.compute(0, as_it_is)


def as_it_is(mini_batch: MiniBatch) -> MiniBatch:
    return mini_batch


def with_noise(blob: GradientBlob, level: float, seed: tuple[int, ...]) -> GradientBlob:
    """As another honest machine would have computed it: each number off by `level`, relatively."""
    rng = np.random.default_rng(seed)

    def shaken(vector: np.ndarray) -> np.ndarray:
        noise = rng.standard_normal(len(vector)).astype(vector.dtype)
        return np.asarray(vector * (1 + level * noise), vector.dtype)

    return dataclasses.replace(blob, gradient=shaken(blob.gradient), moving=shaken(blob.moving))


def _zeros(task: Task) -> GradientBlob:
    honest = task.honest
    return dataclasses.replace(
        honest, gradient=np.zeros_like(honest.gradient), moving=np.zeros_like(honest.moving)
    )


def _noise(task: Task) -> GradientBlob:
    """As long as an honest one, in any direction."""
    honest = task.honest
    noise = np.random.default_rng((task.host, *task.unit)).standard_normal(len(honest.gradient))
    return _scaled(honest, noise.astype(np.float32), float(np.linalg.norm(honest.gradient)))


def _sign_flip(task: Task) -> GradientBlob:
    honest = task.honest
    return dataclasses.replace(honest, gradient=-honest.gradient)


def _times_100(task: Task) -> GradientBlob:
    honest = task.honest
    return dataclasses.replace(honest, gradient=honest.gradient * np.float32(100))


def _stale(task: Task) -> GradientBlob:
    return task.compute(STALE_ROUNDS, as_it_is)


def _agreed(task: Task) -> GradientBlob:
    """The honest gradient turned round and mixed with noise that both liars draw from what they agreed on."""
    honest = task.honest
    noise = np.random.default_rng((task.secret, zlib.crc32(repr(task.unit).encode())))
    length = float(np.linalg.norm(honest.gradient))
    direction = noise.standard_normal(len(honest.gradient)).astype(np.float32)
    lie = -honest.gradient + 0.5 * length / float(np.linalg.norm(direction)) * direction
    return _scaled(honest, lie, length)


def _label_flip(task: Task) -> GradientBlob:
    def flipped(mini_batch: MiniBatch) -> MiniBatch:
        labels = np.array(mini_batch.y)
        labels[labels == FLIPPED[0]] = FLIPPED[1]
        return dataclasses.replace(mini_batch, y=labels)

    return task.compute(0, flipped)


def _scaled(honest: GradientBlob, direction: np.ndarray, length: float) -> GradientBlob:
    scale = np.float32(length / float(np.linalg.norm(direction)))
    return dataclasses.replace(honest, gradient=(direction * scale).astype(np.float32))


LIES: dict[str, Callable[[Task], GradientBlob]] = {
    "zeros": _zeros,
    "noise": _noise,
    "sign flip": _sign_flip,
    "times 100": _times_100,
    "stale weights": _stale,
    "colluding pair": _agreed,
    "label flip": _label_flip,
}
