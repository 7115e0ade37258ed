"""Which rows go where: the global shuffle, the validation split, the order of mini-batches, the rows of each."""

import collections
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from volunteer.plan.seeds import derive_key, permutation
from volunteer.plan.shards import ShardLayout

Rows = NDArray[np.int64]


def dataset_order(seed: int, n: int) -> Rows:
    """The shuffle done once before the dataset is cut, so that every shard looks like the whole. Shape (n,)."""
    return permutation(derive_key(seed, "dataset"), n)


def epoch_order(seed: int, epoch: int, mini_batches: int) -> Rows:
    """The order in which an epoch hands out its mini-batches. Shape (mini_batches,)."""
    return permutation(derive_key(seed, "epoch", epoch), mini_batches)


def mini_batch_rows(seed: int, epoch: int, layout: ShardLayout, mini_batch: int) -> Rows:
    """The rows *inside its shard* that make up a mini-batch in that epoch, in order. Shape (count,)."""
    slot = layout.locate(mini_batch)
    shuffled = _SHARD_ORDERS.of(derive_key(seed, "shard", epoch, slot.shard), layout.rows(slot.shard))
    return shuffled[slot.first : slot.first + slot.count].copy()


def validation_rows(seed: int, labels: NDArray[np.generic] | None, n: int, fraction: float) -> tuple[Rows, Rows]:
    """Split rows 0..n-1 into (training, validation), both ascending; how many, says `validation_counts`.

    With `labels` (class numbers, shape (n,)) the split is stratified, unless no class has enough rows to give one;
    then, and without labels, it is one seeded draw over all rows.
    """
    shuffled = permutation(derive_key(seed, "validation"), n)
    of_shuffled = np.zeros(n, np.int64) if labels is None else np.asarray(labels)[shuffled]
    values, sizes = np.unique(of_shuffled, return_counts=True)
    counts = validation_counts(n, fraction, sizes.tolist())
    groups = [shuffled] if len(counts) == 1 else [shuffled[of_shuffled == value] for value in values]
    taken = [group[:count] for group, count in zip(groups, counts, strict=True)]
    validation = np.sort(np.concatenate(taken)) if taken else np.zeros(0, np.int64)
    training = np.setdiff1d(np.arange(n, dtype=np.int64), validation, assume_unique=True)
    return training, validation


def validation_counts(n: int, fraction: float, classes: Sequence[int] | None) -> list[int]:
    """How many of n rows are kept for validation: of each class, or a single number for a draw over all rows.

    `classes`: how many rows each class has, None where rows have no class. Each class gives round(fraction * its
    rows), at least one stays in training. Where that is nothing at all, rows are drawn whatever their class, at least
    one of two or more: whoever asks for validation gets some. Only a single row cannot be split.
    """
    if not 0 <= fraction < 1:
        raise ValueError("the validation fraction must be at least 0 and less than 1")
    stratified = [min(round(fraction * size), max(size - 1, 0)) for size in classes or ()]
    if any(stratified):
        return stratified
    return [min(max(round(fraction * n), 1), max(n - 1, 0)) if fraction else 0]


class _Orders:
    """The permutations used last, up to `most` bytes of them: a unit asks for each shard's once a mini-batch."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: collections.OrderedDict[tuple[int, int], Rows] = collections.OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, key: int, n: int) -> Rows:
        """`permutation(key, n)`, not to be written to."""
        with self._lock:
            if (key, n) in self._kept:
                self._kept.move_to_end((key, n))
                return self._kept[key, n]
        order = permutation(key, n)
        with self._lock:
            if (key, n) not in self._kept:
                self._kept[key, n] = order
                self._bytes += order.nbytes
            # The newest stays whatever its size: sorting a large shard for each mini-batch is what hurts most.
            while self._bytes > self._most and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return order


_SHARD_ORDERS = _Orders(32 * 2**20)
