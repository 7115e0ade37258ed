"""Which rows go where: the global shuffle, the validation split, the order of mini-batches, the rows of each."""

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
    shuffled = permutation(derive_key(seed, "shard", epoch, slot.shard), layout.rows(slot.shard))
    return shuffled[slot.first : slot.first + slot.count]


def validation_rows(seed: int, labels: NDArray[np.generic] | None, n: int, fraction: float) -> tuple[Rows, Rows]:
    """Split rows 0..n-1 into (training, validation), both ascending.

    With `labels` (class numbers, shape (n,)) the split is stratified: each class gives round(fraction * its count)
    rows, at least one stays in training. Without, one seeded draw over all rows.
    """
    if not 0 <= fraction < 1:
        raise ValueError("the validation fraction must be at least 0 and less than 1")
    shuffled = permutation(derive_key(seed, "validation"), n)
    if labels is None:
        groups = [shuffled]
    else:
        of_shuffled = np.asarray(labels)[shuffled]
        groups = [shuffled[of_shuffled == value] for value in np.unique(of_shuffled)]
    taken = [group[: min(round(fraction * len(group)), len(group) - 1)] for group in groups]
    validation = np.sort(np.concatenate(taken)) if taken else np.zeros(0, np.int64)
    training = np.setdiff1d(np.arange(n, dtype=np.int64), validation, assume_unique=True)
    return training, validation
