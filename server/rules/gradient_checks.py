"""What looks odd about one gradient beside others of its project. Never a verdict: it asks for another opinion.

Finite numbers, sizes and counts are checked before. Comparisons are with medians: a third of liars hardly moves them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.rules.quorum import Layout, Vectors

SMALLEST, LARGEST = 0.2, 10.0
"""Of the median norm of recent results: below it a free rider that sends next to nothing, above it a shout."""

COPY = 0.999
"""Cosine between two units' gradients: their examples differ, so do they."""

CLOSER = 0.1
"""Where honest units are that much alike by nature, a copy is that much closer still than they are to each other."""

AGAINST = -0.3
AGREED = 0.7
"""A cosine with the round's centre below the first is odd where the others' median is above the second."""

OVERFLOWS = 1e18
"""A norm above that is odd whatever others have: its square is nearly more than a float32 holds."""

FEWEST = 5
"""Others are needed for a median to say anything."""

SPREADS = 10.0
_BUCKETS = 256
_BLOCK = 2**16
"""So many numbers, with what is drawn for them, fit into a processor's cache."""


@dataclass(frozen=True)
class Facts:
    """Of one result. norm, loss: of the mean over its examples. sketch: (256,) float64, unit length (or zeros)."""

    norm: float
    loss: float
    sketch: NDArray[np.float64]


def facts_of(vectors: Vectors, seed: int = 0) -> Facts:
    """Sketches of one round must have one seed; strangers must not know it."""
    sketch, squares = _sketch(vectors.gradient, seed)
    length = float(np.linalg.norm(sketch))
    return Facts(
        norm=math.sqrt(squares) / vectors.examples,
        loss=float(vectors.sums[0]) / vectors.examples,
        sketch=sketch / length if length > 0 else sketch,
    )


def _sketch(gradient: NDArray[np.float32], seed: int) -> tuple[NDArray[np.float64], float]:
    """The count sketch of Charikar, Chen, Farach-Colton (2002), and the squared norm.

    Each number is added, with a random sign, to a random one of 256 buckets; angles between vectors survive that up to
    a tenth of themselves, whatever the widths of the matrices in them. The random numbers are drawn once, for a round
    waits for its sketches: each block reads them from another place on and turns its buckets by another step, so that
    numbers of two blocks that have the same one do not meet.
    """
    random = np.random.Generator(np.random.SFC64(seed))
    signed = random.integers(0, 2 * _BUCKETS, 2 * _BLOCK, np.intp)
    total, squares = np.zeros(_BUCKETS), 0.0
    for start in range(0, len(gradient), _BLOCK):
        part = gradient[start : start + _BLOCK].astype(np.float64)
        squares += float(part @ part)
        place, turn = random.integers(0, (_BLOCK, _BUCKETS))
        added, taken = np.bincount(signed[place : place + len(part)], part, 2 * _BUCKETS).reshape(2, _BUCKETS)
        total += np.roll(added - taken, turn)
    return total, squares


def suspicions(
    facts: Facts, recent_norms: Sequence[float], recent_losses: Sequence[float], others: Sequence[Facts]
) -> tuple[str, ...]:
    """Plain sentences, none where nothing is odd.

    recent_norms, recent_losses: of accepted results of the project's last rounds. others: of *other units* of the same
    round, from sketches of the same seed.
    """
    found = (
        _odd_norm(facts.norm, recent_norms),
        _odd_loss(facts.loss, recent_losses),
        _copied(facts, others),
        _against(facts, others),
    )
    return tuple(sentence for sentence in found if sentence)


def _odd_norm(norm: float, recent: Sequence[float]) -> str:
    if norm > OVERFLOWS:
        return f"Its gradient is enormous: {norm:.2g}."
    if len(recent) < FEWEST:
        return ""
    median = float(np.median(recent))
    if norm < SMALLEST * median:
        return f"Its gradient is very small: {_times(norm, median)} the usual size."
    if norm > LARGEST * median:
        return f"Its gradient is very large: {_times(norm, median)} the usual size."
    return ""


def _odd_loss(loss: float, recent: Sequence[float]) -> str:
    """Losses may be of either sign and any size, so the measure is how far recent ones lie from each other."""
    if len(recent) < FEWEST:
        return ""
    median = float(np.median(recent))
    spread = max(float(np.median(np.abs(np.asarray(recent) - median))), 0.1 * abs(median))
    if abs(loss - median) > SPREADS * spread:
        return f"Its loss is {loss:.4g}, where {median:.4g} is usual."
    return ""


def _copied(facts: Facts, others: Sequence[Facts]) -> str:
    """Near the first rounds, or with large units, honest gradients point nearly the same way: a copy is closer yet."""
    if not others:
        return ""
    apart = sorted(1 - float(facts.sketch @ other.sketch) for other in others)
    usual = float(np.median(apart[1:])) if len(apart) > 2 else math.inf
    if apart[0] < min(1 - COPY, CLOSER * usual):
        return "Its gradient is nearly the same as another unit's."
    return ""


def _against(facts: Facts, others: Sequence[Facts]) -> str:
    """The centre is the coordinate-wise median of the others' sketches: linear, so it stands for their gradients'."""
    if len(others) < FEWEST:
        return ""
    sketches = np.stack([other.sketch for other in others])
    centre = np.median(sketches, axis=0)
    length = float(np.linalg.norm(centre))
    if length == 0:
        return ""
    centre /= length
    if float(np.median(sketches @ centre)) > AGREED and float(facts.sketch @ centre) < AGAINST:
        return "Its gradient points against the others of its round."
    return ""


def variance_below_zero(
    vectors: Vectors, layout: Layout, state: NDArray[np.float32], momentum: NDArray[np.float64]
) -> str:
    """A batch's variance is never negative, so a moving variance cannot fall faster than its momentum lets it.

    state, momentum: (M,), of the moving statistics. With s_i = m s + (1 - m) v and v >= 0, s_i - s >= -(1 - m) s.
    """
    start = 0
    for name, size in layout.moving:
        part = slice(start, start + size)
        start += size
        if not name.endswith("moving_variance"):
            continue
        least = -(1 - momentum[part]) * state[part]
        slack = 1e-5 * np.abs(state[part]) + 1e-12
        if (vectors.moving[part] / vectors.examples < least - slack).any():
            return "Its BatchNormalization statistics contain a negative variance."
    return ""


def _times(norm: float, median: float) -> str:
    return f"{norm / median:.2g} times" if median > 0 else "many times"
