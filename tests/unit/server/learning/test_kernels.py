"""The compiled loops against numpy."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from server.learning.kernels import TILE, add_squares, mean_of_middle, pull, sorting_network


def _block(rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(rows * columns).standard_normal((rows, columns)).astype(np.float32)


@pytest.mark.parametrize("count", range(1, 10))
def test_the_network_sorts_every_row_of_zeros_and_ones_and_so_everything(count: int) -> None:
    rows = np.array(list(itertools.product((0, 1), repeat=count)))
    for i, j in sorting_network(count):
        assert i < j
        rows[:, i], rows[:, j] = np.minimum(rows[:, i], rows[:, j]), np.maximum(rows[:, i], rows[:, j])
    assert (np.diff(rows, axis=1) >= 0).all()


@pytest.mark.parametrize("columns", [1, TILE - 1, TILE, TILE + 1, 3 * TILE + 7])
@pytest.mark.parametrize("count", [1, 2, 5, 8, 20, 33])
def test_ranks_are_those_of_a_sorted_column(count: int, columns: int) -> None:
    values = _block(count, columns)
    before, found = values.copy(), np.empty(columns, np.float32)
    low, high = count // 3, count - count // 3
    mean_of_middle(values, sorting_network(count), low, high, found)
    expected = np.sort(before.astype(np.float64), axis=0)[low:high].mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=2e-7, atol=1e-12)
    np.testing.assert_array_equal(values, before)


def test_equal_values_infinitely_large_ones_and_signed_zeros_have_their_ranks() -> None:
    values = np.array([[0.0, 3e38], [-0.0, 3e38], [0.0, -3e38]], np.float32)
    found = np.empty(2, np.float32)
    mean_of_middle(values, sorting_network(3), 1, 2, found)
    np.testing.assert_array_equal(found, np.array([0.0, 3e38], np.float32))


def test_squares_are_added_to_what_is_there() -> None:
    values, centre = _block(4, 2 * TILE + 9), _block(1, 2 * TILE + 9)[0]
    partial = np.ones((4, TILE))
    add_squares(values, centre, partial)
    expected = np.square(values.astype(np.float64) - centre.astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(partial.sum(axis=1) - TILE, expected, rtol=1e-12)


def test_squares_of_the_largest_numbers_do_not_overflow() -> None:
    partial = np.zeros((1, TILE))
    add_squares(np.full((1, 3), 3e38, np.float32), np.full(3, -3e38, np.float32), partial)
    assert np.isfinite(partial).all()


def test_the_centre_is_pulled_by_the_factors() -> None:
    values, centre = _block(3, TILE + 5), _block(1, TILE + 5)[0]
    factors = np.array([0.5, 0.0, 0.25])
    expected = centre + (factors[:, None] * (values.astype(np.float64) - centre.astype(np.float64))).sum(axis=0)
    pull(values, factors, centre)
    np.testing.assert_allclose(centre, expected, rtol=2e-7, atol=1e-12)


def test_what_was_compiled_lies_where_it_is_told_to_and_never_in_the_package(tmp_path: Path) -> None:
    package = Path(sys.modules["server.learning.kernels"].__file__ or "").parent
    code = "import server.learning.kernels"
    environment = {"PATH": os.environ["PATH"], "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=package.parents[1], env=environment, check=True, timeout=60)
    assert list(tmp_path.rglob("*.nbc"))
    assert not list(package.rglob("*.nbc"))
