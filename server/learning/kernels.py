"""Loops over blocks of gradients that numpy has no fast words for, compiled by numba. They know numbers only.

Each works through tiles that stay in the processor's cache, and adds in a fixed order: the same bytes on every machine.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

TILE = 256
"""Columns at a time: twenty rows of them are 20 KiB. Blocks begin at multiples of it, so their size changes nothing."""

_CACHED = bool(getattr(numba.config, "CACHE_DIR", ""))
"""Compiling takes two seconds. What comes of it is kept only where NUMBA_CACHE_DIR says, never beside this file."""

_compiled: Any = numba.njit
"""Untyped, like all of numba."""


@_compiled("void(float32[:,::1], int64[:,::1], int64, int64, float32[::1])", cache=_CACHED)
def mean_of_middle(values, network, low, high, out):  # type: ignore[no-untyped-def]
    """Per column: the mean of the values that have ranks low to high - 1 when sorted; in float64.

    values: (n, m) float32, no NaN, not changed; network: (c, 2), comparators that sort n values; out: (m,).
    """
    n, m = values.shape
    sorted_ = np.empty((n, TILE), np.float32)
    total = np.empty(TILE, np.float64)
    for start in range(0, m, TILE):
        width = min(TILE, m - start)
        for i in range(n):
            for c in range(width):
                sorted_[i, c] = values[i, start + c]
        for pair in range(network.shape[0]):
            upper, lower = sorted_[network[pair, 0]], sorted_[network[pair, 1]]
            for c in range(width):
                a, b = upper[c], lower[c]
                upper[c] = a if a < b else b
                lower[c] = b if a < b else a
        total[:] = 0.0
        for i in range(low, high):
            for c in range(width):
                total[c] += sorted_[i, c]
        for c in range(width):
            out[start + c] = total[c] / (high - low)


@_compiled("void(float32[:,::1], float32[::1], float64[:,::1])", cache=_CACHED)
def add_squares(values, centre, partial):  # type: ignore[no-untyped-def]
    """Add the squares of values[i] - centre to row i of partial, spread over its columns.

    values: (n, m); centre: (m,); partial: (n, TILE), whose rows sum up to squared distances.
    """
    n, m = values.shape
    for start in range(0, m, TILE):
        width = min(TILE, m - start)
        for i in range(n):
            row, here, sums = values[i, start : start + width], centre[start : start + width], partial[i, :width]
            for c in range(width):
                difference = np.float64(row[c]) - np.float64(here[c])
                sums[c] += difference * difference


@_compiled("void(float32[:,::1], float64[::1], float32[::1])", cache=_CACHED)
def pull(values, factors, centre):  # type: ignore[no-untyped-def]
    """Move the centre, in place: centre + sum_i factors[i] (values[i] - centre); summed in float64, in order.

    values: (n, m); factors: (n,); centre: (m,).
    """
    n, m = values.shape
    total = np.empty(TILE, np.float64)
    for start in range(0, m, TILE):
        width = min(TILE, m - start)
        here = centre[start : start + width]
        total[:] = 0.0
        for i in range(n):
            factor, row = factors[i], values[i, start : start + width]
            for c in range(width):
                total[c] += factor * (np.float64(row[c]) - np.float64(here[c]))
        for c in range(width):
            here[c] = np.float64(here[c]) + total[c]


def sorting_network(count: int) -> NDArray[np.int64]:
    """(c, 2): comparators (i, j), i < j, that sort `count` values: Batcher's odd-even merge sort (1968).

    About count * log2(count)^2 / 4 of them, the same whatever the values: so a whole tile goes through each at once.
    """
    pairs = []
    p = 1
    while p < count:
        k = p
        while k >= 1:
            for j in range(k % p, count - k, 2 * k):
                pairs += [
                    (i + j, i + j + k)
                    for i in range(min(k, count - j - k))
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p)
                ]
            k //= 2
        p *= 2
    return np.array(pairs, np.int64).reshape(-1, 2)
