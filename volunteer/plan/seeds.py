"""Every random choice of a project, derived from its seed by SHA-256 and Philox.

Our own, because libraries change their random streams between versions and a round must be replayable years
later on another machine. Pinned by golden vectors in the tests.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray


def derive_key(seed: int, purpose: str, *numbers: int) -> int:
    """A 128-bit key for one purpose: the first half of SHA-256 over the project's seed, a word and counters."""
    text = "|".join(["daig", str(seed), purpose, *(str(number) for number in numbers)])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:16], "big")


def permutation(key: int, n: int) -> NDArray[np.int64]:
    """A permutation of 0..n-1, shape (n,).

    Sorts n raw 64-bit words of Philox-4x64-10 (Salmon et al., SC 2011); ties, if ever, keep their order. Only the
    raw words are used: numpy promises those, and does not promise `Generator.permutation`.
    """
    raw = np.random.Philox(key=key).random_raw(n)
    return np.argsort(np.asarray(raw, dtype=np.uint64), kind="stable").astype(np.int64)


def layer_seed(seed: int, epoch: int, mini_batch: int, layer: int) -> tuple[int, int]:
    """Two uint32 for the state of the `layer`-th Keras seed generator while it sees this mini-batch."""
    key = derive_key(seed, "layer", epoch, mini_batch, layer)
    return (key >> 32) & 0xFFFFFFFF, key & 0xFFFFFFFF
