"""The robust rules against their formulas, written out in float64, and against liars."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.learning import averaging
from server.learning.averaging import NotFinite, robust_average
from server.rules.aggregation import BLOCK, mean_over_examples
from server.rules.averaging import Averaging

ROBUST = [rule for rule in Averaging if rule is not Averaging.mean]
EXAMPLES = [64, 64, 32, 64, 17, 64, 64]


def _sums(size: int = 1000, examples: list[int] = EXAMPLES) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    truth = rng.standard_normal(size)
    return [((truth + 0.5 * rng.standard_normal(size)) * n).astype(np.float32) for n in examples]


def _clip(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    v = np.median(g, axis=0)
    tau = np.median(np.linalg.norm(g - v, axis=1))
    for _ in range(3):
        d = g - v
        v = v + (w[:, None] * d * np.minimum(1, tau / np.linalg.norm(d, axis=1))[:, None]).sum(axis=0)
    return v


def _norm_clip(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(g, axis=1)
    return (w[:, None] * g * np.minimum(1, np.median(norms) / norms)[:, None]).sum(axis=0)


BY_HAND: dict[Averaging, Callable[[np.ndarray, np.ndarray], Any]] = {
    Averaging.centered_clip: _clip,
    Averaging.norm_clip: _norm_clip,
    Averaging.median: lambda g, w: np.median(g, axis=0),
    # Seven results, a third of them rounded up: three on each side.
    Averaging.trimmed_mean: lambda g, w: np.sort(g, axis=0)[3:4].mean(axis=0),
}


@pytest.mark.parametrize("rule", ROBUST)
def test_a_rule_is_its_formula(rule: Averaging) -> None:
    sums = _sums()
    g = np.array([s.astype(np.float64) / n for s, n in zip(sums, EXAMPLES, strict=True)])
    expected = BY_HAND[rule](g, np.array(EXAMPLES) / sum(EXAMPLES))
    found = robust_average(rule, sums, 1000, EXAMPLES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", ROBUST)
@pytest.mark.parametrize("lie", [-10.0, 1e6, 0.0, 3e37])
def test_a_third_of_liars_does_not_turn_a_robust_rule(rule: Averaging, lie: float) -> None:
    sums = _sums(examples=[64] * 20)
    honest = mean_over_examples(sums[6:], 1000, [64] * 14)
    with np.errstate(over="ignore"):
        lies = [np.clip(s * np.float32(lie), -3e38, 3e38) for s in sums[:6]]
    found = robust_average(rule, [*lies, *sums[6:]], 1000, [64] * 20)
    cosine = float(found @ honest) / float(np.linalg.norm(found) * np.linalg.norm(honest))
    assert cosine > 0.8
    assert 0.2 < np.linalg.norm(found) / np.linalg.norm(honest) < 1.5


@pytest.mark.parametrize("rule", ROBUST)
def test_equal_results_are_their_own_average(rule: Averaging) -> None:
    found = robust_average(rule, [np.full(5, 6.0, np.float32)] * 6, 5, [2] * 6)
    np.testing.assert_array_equal(found, np.full(5, 3.0, np.float32))


@pytest.mark.parametrize("rule", ROBUST)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_results_are_averaged_too(rule: Averaging, count: int) -> None:
    found = robust_average(rule, _sums(10)[:count], 10, EXAMPLES[:count])
    assert np.isfinite(found).all()
    assert robust_average(rule, [np.zeros(0, np.float32)] * count, 0, EXAMPLES[:count]).shape == (0,)


@pytest.mark.parametrize("rule", ROBUST)
def test_files_and_narrow_blocks_give_the_same_bits(
    rule: Averaging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = BLOCK + 300
    sums, mapped = _sums(size, [8] * 5), []
    for number, vector in enumerate(sums):
        vector.tofile(tmp_path / str(number))
        mapped.append(np.memmap(tmp_path / str(number), np.float32, "r"))
    whole = robust_average(rule, sums, size, [8] * 5)
    monkeypatch.setattr(averaging, "_BLOCK_BYTES", 40_000)
    np.testing.assert_array_equal(robust_average(rule, mapped, size, [8] * 5), whole)


def test_no_more_memory_is_taken_than_a_few_blocks_and_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    monkeypatch.setattr(averaging, "_BLOCK_BYTES", 2**20)
    size, count = 400_000, 40
    one = np.ones(size, np.float32)
    robust_average(Averaging.centered_clip, [one] * count, size, [1] * count)
    tracemalloc.start()
    robust_average(Averaging.centered_clip, [one] * count, size, [1] * count)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < one.nbytes + 3 * 2**20


@pytest.mark.parametrize("rule", ROBUST)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_reaches_a_kernel(
    rule: Averaging, number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a kernel was called")

    for kernel in ("mean_of_middle", "add_squares", "pull"):
        monkeypatch.setattr(averaging, kernel, refuse)
    sums = _sums(50)
    sums[4][49] = number
    with pytest.raises(NotFinite):
        robust_average(rule, sums, 50, EXAMPLES)


@pytest.mark.parametrize(("count", "examples"), [(0, []), (1, []), (1, [0]), (2, [1])])
def test_no_average_of_nothing(count: int, examples: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        robust_average(Averaging.median, _sums(3)[:count], 3, examples)
