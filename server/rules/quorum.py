"""When two results of a unit say the same, and what several opinions on it add up to.

Pure: knows vectors and numbers of results, not where they come from. What was measured stands beside the tolerances.
"""

import enum
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from volunteer.plan.project_plan import ProjectPlan, Role

AGREE = 2e-3
DIFFER = 0.05
"""Relative distances: up to the first two results agree; above the second one of them is wrong; between, who knows.

Measured in this very distance by tests/benchmarks/bench_agreement.py (seven networks at four stages of training, units
of 1 and 16 mini-batches of 32) and by tests/integration/test_honest_machines_agree.py (units of 1 to 4 of 8).
Honest: 2 and 4 threads, oneDNN off, oneDNN held to AVX2, AVX and SSE4.1, deterministic operations, TensorFlow 2.16
beside 2.21. In the table 6.5e-4 at most of 1,848 (BatchNormalization, fresh, AVX; whatever else 1.4e-4), 2.6e-4 of the
10,080: three times below the first, 77 times below the second. Ties are rare and a few weigh more: of 810 further
units of 16 in networks with BatchNormalization, most of them fresh, two were 1.2e-3 and 1.3e-3 off on AVX. So an AGREE
of 1e-3 would be too small; whoever is beyond it is in doubt, which costs one more opinion, and is forty times below
DIFFER. XLA is never on: it draws other numbers for dropout, and no two such results are of the same thing.
Lies, the nearest of 126 each: weights in bfloat16 1.7e-3, scaled by 1.01 2.4e-3, one label of 512 wrong 4.3e-3, one
mini-batch of 16 left out 2.2e-2, one layer left out 7e-2, other data 0.11, all labels shifted 0.19, zeros 0.24. What
lies between the two is not used and blamed for nothing. Weights of the round before are at 2.5e-3 and more, save where
a network has all but stopped moving and the gradient really is the same to 1e-3. Other lies but bfloat16 agree only
where gradient or loss has come down to ABSOLUTE / AGREE an example; they move hardly any weight.
"""

LAYER_FACTOR = 3.0
"""A tensor may be that many times further off than the whole vector: a tie of a max-pool falls into one layer.

Measured in any one tensor: 9.2e-4 at most, over six times below LAYER_FACTOR * AGREE.
"""

SHARE = 0.1
"""Of the root mean square over the whole vector: a tensor whose own is smaller is measured against that."""

LEAST = 0.02
"""Of the whole's norm, whatever its size: the least that a tensor is measured against.

A bias in front of a BatchNormalization is rounding alone, 8e-6 of the whole on 4 threads, however large the network is.
"""

ABSOLUTE = 1e-6
"""Per example: rounding errors stay when a gradient (or a loss) vanishes, so below that nothing can be told apart.

Measured: 3e-8 (6e-4 of a gradient of 4e-5) held to SSE4.1, nearly converged; earlier, on larger networks, 6e-7.
"""

STATE_ROUNDING = 1e-6
"""Per example, of the moving statistics themselves: a change of s is the difference of two float32 near s."""

MOST_OPINIONS = 5
_BLOCK = 131_072


class Agreement(enum.Enum):
    agree = "agree"
    unclear = "unclear"
    differ = "differ"


class Vectors(NamedTuple):
    """What one result carries. gradient: (P,) float32, a sum over examples; moving: (M,) float32; sums: (1 + S,).

    examples: over how many examples the sums go.
    """

    gradient: NDArray[np.float32]
    moving: NDArray[np.float32]
    sums: NDArray[np.float64]
    examples: int


class Layout(NamedTuple):
    """(name, size) of the tensors that lie behind each other in the two flat vectors."""

    gradient: tuple[tuple[str, int], ...]
    moving: tuple[tuple[str, int], ...]


class Comparison(NamedTuple):
    """`distance`: the largest of all parts', each in units in which AGREE and DIFFER hold; `where`: whose it is."""

    agreement: Agreement
    distance: float
    where: str


@dataclass(frozen=True)
class Opinion:
    """A result of the unit with a gradient to compare; a referee's outranks agreement."""

    result: int
    account: int
    referee: bool = False


@dataclass(frozen=True)
class Decision:
    """`agreeing` holds the canonical result; `want`: how many opinions are wanted in all.

    Not settled with as many opinions as may be had: only a referee can say.
    """

    settled: bool
    canonical: int | None
    agreeing: frozenset[int]
    refuted: frozenset[int]
    unclear: frozenset[int]
    want: int
    referee: bool = False


def layout_of(plan: ProjectPlan) -> Layout:
    return Layout(
        tuple((spec.path, spec.size) for spec in plan.of_role(Role.trainable)),
        tuple((spec.path, spec.size) for spec in plan.of_role(Role.moving)),
    )


def compare(a: Vectors, b: Vectors, layout: Layout, state: NDArray[np.float32] | None = None) -> Comparison:
    """How far two results of the same mini-batches are apart, in the part where they are furthest.

    Parts: gradient and moving statistics as a whole and tensor by tensor, loss, metrics' sums. `state`: (M,), the
    moving statistics that both started from; without it they are taken for ones.
    """
    shapes = (len(a.gradient), len(a.moving), len(a.sums), a.examples)
    if shapes != (len(b.gradient), len(b.moving), len(b.sums), b.examples):
        return Comparison(Agreement.differ, math.inf, "shapes")
    if state is None:
        state = np.ones(len(a.moving), np.float32)
    rounding = [STATE_ROUNDING * a.examples * norm for norm in _measure(state, state, layout.moving)[1]]
    parts = [
        *_of_tensors("gradient", a.gradient, b.gradient, layout.gradient, [0.0] * len(layout.gradient), a.examples),
        *_of_tensors("moving", a.moving, b.moving, layout.moving, rounding, a.examples),
        *_of_sums(a.sums, b.sums, a.examples),
    ]
    distance, where = max(parts, key=lambda part: part[0], default=(0.0, ""))
    return Comparison(_verdict(distance), distance, where)


def _verdict(distance: float) -> Agreement:
    if distance <= AGREE:
        return Agreement.agree
    return Agreement.unclear if distance <= DIFFER else Agreement.differ


def _of_tensors(
    kind: str,
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    tensors: Sequence[tuple[str, int]],
    rounding: Sequence[float],
    examples: int,
) -> list[tuple[float, str]]:
    """A tensor's distance is relative to its own norm, but never to less than its share of the whole's.

    Some gradients vanish by nature (a bias in front of a BatchNormalization, a layer whose units are all dead): what is
    left in them is rounding, on each machine another. Their scale is therefore at least SHARE times the norm that the
    tensor would have if the whole vector's were spread evenly, so whole * sqrt(size / P), and for a tensor that is tiny
    beside large ones at least LEAST times the whole's. Squares of shares add up to one: what these floors hide, in all
    tensors together, is less than what the tolerance of the whole hides anyway.
    """
    if not len(a):
        return []
    differences, norms_a, norms_b = _measure(a, b, tensors)
    whole = max(math.hypot(*norms_a), math.hypot(*norms_b))
    floor = ABSOLUTE * examples
    parts = [(_ratio(math.hypot(*differences), whole, floor + math.hypot(*rounding)), kind)]
    for position, (name, size) in enumerate(tensors):
        share = math.sqrt(size / len(a))
        scale = max(norms_a[position], norms_b[position], max(SHARE * share, LEAST) * whole)
        distance = _ratio(differences[position], scale, floor * share + rounding[position])
        parts.append((distance / LAYER_FACTOR, f"{kind} {name}"))
    return parts


def _of_sums(a: NDArray[np.float64], b: NDArray[np.float64], examples: int) -> list[tuple[float, str]]:
    """Loss and metrics' sums, each for itself. What counts examples may be off by a few: a tie may fall either way."""
    parts = []
    for position, (mine, yours) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        counts = position > 0 and mine.is_integer() and yours.is_integer()
        slack = max(1.0, AGREE * examples) if counts else ABSOLUTE * examples
        distance = _ratio(abs(mine - yours), max(abs(mine), abs(yours)), slack)
        parts.append((distance, "loss" if position == 0 else f"metric sum {position}"))
    return parts


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _ratio(difference: float, scale: float, floor: float) -> float:
    """Up to AGREE exactly where the difference is at most AGREE * scale + floor."""
    if not _finite(difference, scale):
        return math.inf
    return difference / (scale + floor / AGREE) if difference > 0 else 0.0


def _measure(
    a: NDArray[np.float32], b: NDArray[np.float32], tensors: Sequence[tuple[str, int]]
) -> tuple[list[float], list[float], list[float]]:
    """The norms, tensor by tensor, of a - b, a and b: one pass, in blocks that stay in the cache."""
    norms = []
    start = 0
    for _, size in tensors:
        squares = np.zeros(3)
        for at in range(start, start + size, _BLOCK):
            block = slice(at, min(at + _BLOCK, start + size))
            mine, yours = a[block].astype(np.float64), b[block].astype(np.float64)
            squares[1] += mine @ mine
            squares[2] += yours @ yours
            with np.errstate(invalid="ignore"):
                mine -= yours
            squares[0] += mine @ mine
        norms.append(np.sqrt(squares).tolist())
        start += size
    differences, of_a, of_b = zip(*norms, strict=True) if norms else ((), (), ())
    return list(differences), list(of_a), list(of_b)


def decide(
    opinions: Sequence[Opinion],
    agreement: Callable[[int, int], Agreement],
    need: int,
    most: int = MOST_OPINIONS,
) -> Decision:
    """What `opinions`, in the order in which they came, say of their unit. `agreement` is of two results' numbers.

    A referee's word settles it. Otherwise `need` opinions of different accounts must agree, all with all, and no
    other set as large may say something else. The canonical result is the earliest ordinary one that agrees.
    """
    referees = [one for one in opinions if one.referee]
    if referees:
        return _by_referee(opinions, referees, agreement)
    sets = _agreeing_sets(opinions, agreement)
    best = sets[0] if sets else ()
    weight = _accounts(best)
    rivals = any(_accounts(other) == weight and not set(other) & set(best) for other in sets[1:])
    if weight >= need and not rivals:
        return _settle(best, opinions, agreement, referee=False)
    missing = max(need - len({one.account for one in opinions}), 1)
    return open_question(max(len(opinions), min(len(opinions) + missing, most)))


def open_question(want: int) -> Decision:
    """Nothing is settled; `want`: how many opinions are wanted in all."""
    none: frozenset[int] = frozenset()
    return Decision(False, None, none, none, none, want)


def _by_referee(
    opinions: Sequence[Opinion], referees: Sequence[Opinion], agreement: Callable[[int, int], Agreement]
) -> Decision:
    """Referees who contradict each other: the word that most of them share, and of two such the earlier."""
    word = _agreeing_sets(referees, agreement, by_account=False)[0]
    speaker = word[0]
    ordinary = [one for one in opinions if not one.referee and agreement(one.result, speaker.result) is Agreement.agree]
    return _settle([*ordinary, *word], opinions, agreement, referee=True)


def _settle(
    members: Sequence[Opinion],
    opinions: Sequence[Opinion],
    agreement: Callable[[int, int], Agreement],
    referee: bool,
) -> Decision:
    """With the first member as canonical; who agrees with it belongs to them even if a third member is not sure."""
    inside = {one.result for one in members}
    # A referee's word counts for itself: agreement is not transitive, and a liar may stand just between.
    measure = next(one for one in members if one.referee == referee).result
    found: dict[Agreement, set[int]] = {kind: set() for kind in Agreement}
    for one in opinions:
        kind = Agreement.agree if one.result in inside else agreement(one.result, measure)
        found[kind].add(one.result)
    agreeing, unclear, refuted = (
        frozenset(found[kind]) for kind in (Agreement.agree, Agreement.unclear, Agreement.differ)
    )
    return Decision(True, members[0].result, agreeing, refuted, unclear, len(opinions), referee)


def _accounts(members: Sequence[Opinion]) -> int:
    return len({one.account for one in members})


def _agreeing_sets(
    opinions: Sequence[Opinion], agreement: Callable[[int, int], Agreement], by_account: bool = True
) -> list[tuple[Opinion, ...]]:
    """All sets in which everybody agrees with everybody: of most accounts first, then with the earliest opinion."""
    pairs = {
        frozenset((one.result, other.result))
        for one, other in itertools.combinations(opinions, 2)
        if agreement(one.result, other.result) is Agreement.agree
    }
    sets = [
        members
        for size in range(len(opinions), 0, -1)
        for members in itertools.combinations(opinions, size)
        if all(frozenset((one.result, other.result)) in pairs for one, other in itertools.combinations(members, 2))
    ]
    # Sorting keeps the order of equals: larger sets, then the order in which the opinions came.
    return sorted(sets, key=lambda members: -(_accounts(members) if by_account else len(members)))
