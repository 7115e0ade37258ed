"""The gradients of a round's results become one, by the rule that the round was given. Reads mapped files in blocks.

Every rule gives the same bytes for the same files in the same order. What is not a finite number never gets in.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from server.learning.kernels import TILE, add_squares, mean_of_middle, pull, sorting_network
from server.rules.aggregation import BLOCK, Sliceable, Vector
from server.rules.averaging import Averaging

ITERATIONS = 3
"""Of centered clipping."""

TRIMMED = 1 / 3
"""Of the results, on each side: as many as may lie."""

_BLOCK_BYTES = 16 * 2**20


class NotFinite(ValueError):
    """A result holds something that is not a finite number; it should have been found invalid before."""


class _Results:
    """The mean gradients g_i = sums_i / n_i of the results, block by block."""

    def __init__(self, sums: Sequence[Sliceable], size: int, examples: Sequence[int]) -> None:
        if not sums or len(sums) != len(examples) or min(examples) < 1:
            raise ValueError("an average needs at least one vector, and the examples behind each")
        self.count = len(sums)
        self.size = size
        self.weights = np.array(examples, np.float64) / sum(examples)
        self._sums = sums
        self._examples = examples
        # As wide as the mean's blocks, unless so many results would need more memory than a few blocks.
        self._width = max(TILE, min(BLOCK, _BLOCK_BYTES // (4 * self.count) // TILE * TILE))

    def blocks(self) -> Iterator[tuple[slice, Vector]]:
        """(where, (n, width) float32, finite); the array's memory is used again for the next block.

        Raises NotFinite.
        """
        memory = np.empty((self.count, min(self._width, self.size)), np.float32)
        for start in range(0, self.size, self._width):
            where = slice(start, min(start + self._width, self.size))
            width = where.stop - start
            # A narrower last block must lie in one piece, too.
            block = memory.ravel()[: self.count * width].reshape(self.count, width)
            for row, sums, examples in zip(block, self._sums, self._examples, strict=True):
                np.divide(sums[where], np.float32(examples), out=row)
            if not np.isfinite(block).all():
                raise NotFinite("a result holds numbers that are not finite")
            yield where, block


def robust_average(rule: Averaging, sums: Sequence[Sliceable], size: int, examples: Sequence[int]) -> Vector:
    """One mean gradient, (size,) float32, of results whose i-th is a sum over examples[i]; any rule but the mean.

    Raises ValueError without vectors or examples, NotFinite (a ValueError) for numbers that are not finite.
    """
    return _RULES[rule](_Results(sums, size, examples))


def centered_clip(results: _Results) -> Vector:
    """Centered clipping: Karimireddy, He, Jaggi 2021, "Learning from History for Byzantine Robust Optimization".

    v <- v + sum_i w_i (g_i - v) min(1, tau / ||g_i - v||) (arXiv 2012.10333, section 4), ITERATIONS times, w_i = n_i /
    sum n (the paper's 1 / n_results where all are alike). It starts at the coordinate-wise median, as BTARD does
    (arXiv 2106.11257), tau being the median distance of the g_i from there. However far a liar is off, it moves the
    result by w_i tau at most in an iteration. Four times through the files.
    """
    partial = np.zeros((results.count, TILE))
    centre = _middle(results, *_median_ranks(results), partial)
    distances = _distances(partial)
    tau = statistics.median(distances)
    for _ in range(ITERATIONS):
        distances = _pull(results, centre, _clipped(results, tau, distances))
    return centre


def norm_clip(results: _Results) -> Vector:
    """sum_i w_i g_i min(1, tau / ||g_i||), w_i = n_i / sum n, tau the median norm (Sun et al. 2019, arXiv 1911.07963).

    It bounds how loud a liar is, not the direction in which it pulls. Twice through the files.
    """
    centre = np.zeros(results.size, np.float32)
    partial = np.zeros((results.count, TILE))
    for where, block in results.blocks():
        add_squares(block, centre[where], partial)
    norms = _distances(partial)
    _pull(results, centre, _clipped(results, statistics.median(norms), norms))
    return centre


def trimmed_mean(results: _Results) -> Vector:
    """Coordinate by coordinate the mean without the TRIMMED highest and lowest (Yin et al. 2018, arXiv 1803.01498).

    Each result is one voice: weights by examples are not defined for ranks. At least one value stays.
    """
    cut = min(math.ceil(results.count * TRIMMED), (results.count - 1) // 2)
    return _middle(results, cut, results.count - cut)


def median(results: _Results) -> Vector:
    """Coordinate by coordinate the median; of an even number the mean of the two middle ones (Yin et al. 2018)."""
    return _middle(results, *_median_ranks(results))


_RULES: dict[Averaging, Callable[[_Results], Vector]] = {
    Averaging.centered_clip: centered_clip,
    Averaging.trimmed_mean: trimmed_mean,
    Averaging.median: median,
    Averaging.norm_clip: norm_clip,
}


def _median_ranks(results: _Results) -> tuple[int, int]:
    return (results.count - 1) // 2, results.count // 2 + 1


def _middle(results: _Results, low: int, high: int, partial: NDArray[np.float64] | None = None) -> Vector:
    """The mean of ranks low to high - 1 in each coordinate; adds the squared distances from there to `partial`."""
    centre = np.empty(results.size, np.float32)
    network = sorting_network(results.count)
    for where, block in results.blocks():
        mean_of_middle(block, network, low, high, centre[where])
        if partial is not None:
            add_squares(block, centre[where], partial)
    return centre


def _pull(results: _Results, centre: Vector, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moves the centre, in place; the distances of the results from where it is then."""
    partial = np.zeros((results.count, TILE))
    for where, block in results.blocks():
        pull(block, factors, centre[where])
        add_squares(block, centre[where], partial)
    return _distances(partial)


def _clipped(results: _Results, tau: float, distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """w_i min(1, tau / distance_i)."""
    shares = np.divide(tau, distances, out=np.ones_like(distances), where=distances > tau)
    return results.weights * shares


def _distances(partial: NDArray[np.float64]) -> NDArray[np.float64]:
    """fsum rounds once: no machine's order of adding shows."""
    return np.array([math.sqrt(math.fsum(row)) for row in partial])
