"""The round's mean, and BatchNormalization's statistics, against sums written out by hand."""

import numpy as np
import pytest

from server.rules.aggregation import BLOCK, mean_over_examples, moved, norm, total_sums


def _vectors(count: int, size: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal(size).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("size", [0, 1, 7, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_the_mean_is_the_sum_in_the_given_order_over_all_examples(size: int) -> None:
    vectors = _vectors(3, size)
    result = mean_over_examples(vectors, size, [32, 32, 5])
    np.testing.assert_array_equal(result, ((vectors[0] + vectors[1]) + vectors[2]) / np.float32(69))
    assert result.dtype == np.float32


def test_the_mean_does_not_change_what_it_sums() -> None:
    vectors = _vectors(2, 10)
    before = vectors[0].copy()
    mean_over_examples(vectors, 10, [1, 1])
    np.testing.assert_array_equal(vectors[0], before)


def test_blocks_of_a_mapped_file_give_the_same_bits(tmp_path: object) -> None:
    vectors = _vectors(2, BLOCK + 5)
    path = f"{tmp_path}/vector"
    vectors[1].tofile(path)
    mapped = np.memmap(path, np.float32, "r")
    np.testing.assert_array_equal(
        mean_over_examples([vectors[0], mapped], BLOCK + 5, [3, 4]),
        mean_over_examples(vectors, BLOCK + 5, [3, 4]),
    )


@pytest.mark.parametrize(("count", "examples"), [(0, []), (1, []), (1, [0]), (2, [1])])
def test_a_mean_of_nothing_is_refused(count: int, examples: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean_over_examples(_vectors(count, 4), 4, examples)


def test_the_moving_rule_is_what_k_steps_in_a_row_do() -> None:
    state = np.array([1.0, -2.0, 0.5], np.float32)
    momentum = np.array([0.9, 0.99, 0.5])
    batch = np.array([3.0, 4.0, -1.0])
    in_a_row = state.astype(np.float64)
    for _ in range(6):
        in_a_row = in_a_row * momentum + batch * (1 - momentum)
    mean_change = (1 - momentum) * (batch - state)
    np.testing.assert_allclose(moved(state, mean_change.astype(np.float32), momentum, 6), in_a_row, rtol=1e-6)


def test_one_mini_batch_moves_the_statistics_as_it_says() -> None:
    state, change = np.array([1.0], np.float32), np.array([0.25], np.float32)
    np.testing.assert_array_equal(moved(state, change, np.array([0.99]), 1), [1.25])


def test_a_momentum_of_one_divides_nothing_by_zero() -> None:
    zero = np.zeros(1, np.float32)
    np.testing.assert_array_equal(moved(np.ones(1, np.float32), zero, np.array([1.0]), 4), [1.0])


def test_a_momentum_of_zero_keeps_the_mean_of_the_last_batches() -> None:
    state, change = np.array([1.0], np.float32), np.array([0.5], np.float32)
    np.testing.assert_array_equal(moved(state, change, np.array([0.0]), 8), [1.5])


def test_sums_of_different_lengths_are_not_added() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        total_sums([np.zeros(2), np.zeros(3)])


def test_sums_add_up_in_double_precision() -> None:
    total = total_sums([np.array([1e8, 1.0]), np.array([1e-8, 2.0])])
    np.testing.assert_array_equal(total, [1e8 + 1e-8, 3.0])


def test_the_norm_survives_squares_that_float32_cannot_hold() -> None:
    assert norm(np.full(4, 1e30, np.float32)) == pytest.approx(2e30, rel=1e-6)
