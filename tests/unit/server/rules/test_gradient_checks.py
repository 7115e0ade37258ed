"""Odd gradients beside ordinary ones, and that ordinary ones are left alone."""

import numpy as np
import pytest

from server.rules.gradient_checks import Facts, facts_of, suspicions, variance_below_zero
from server.rules.quorum import Layout, Vectors

SIZE = 3000


def _vectors(seed: int, alike: float = 0.8, scale: float = 1.0, loss: float = 1.5) -> Vectors:
    """Of one round: a common direction, and noise of its own; cosines between two are about alike squared."""
    common = np.random.default_rng(99).standard_normal(SIZE)
    own = np.random.default_rng(seed).standard_normal(SIZE)
    gradient = 64 * scale * (alike * common + np.sqrt(1 - alike**2) * own)
    return Vectors(gradient.astype(np.float32), np.zeros(0, np.float32), np.array([64 * loss, 3.0]), 64)


def _round(alike: float = 0.8) -> list[Facts]:
    return [facts_of(_vectors(seed, alike)) for seed in range(10)]


def _found(vectors: Vectors, others: list[Facts] | None = None) -> tuple[str, ...]:
    norms = [facts.norm for facts in _round()]
    return suspicions(facts_of(vectors), norms, [1.2, 1.4, 1.5, 1.6, 1.9], _round() if others is None else others)


def test_an_ordinary_gradient_is_left_alone() -> None:
    assert all(_found(_vectors(seed)) == () for seed in range(20, 40))


def test_norm_and_loss_are_those_of_the_mean_over_the_examples() -> None:
    facts = facts_of(_vectors(1))
    assert facts.norm == pytest.approx(np.linalg.norm(_vectors(1).gradient.astype(np.float64)) / 64)
    assert facts.loss == pytest.approx(1.5)


@pytest.mark.parametrize(("scale", "word"), [(0.1, "small"), (0.0, "small"), (100.0, "large")])
def test_a_gradient_much_smaller_or_larger_than_usual_is_odd(scale: float, word: str) -> None:
    assert word in _found(_vectors(20, scale=scale))[0]


@pytest.mark.parametrize("scale", [0.3, 5.0])
def test_units_of_other_sizes_may_have_other_norms(scale: float) -> None:
    assert _found(_vectors(20, scale=scale)) == ()


def test_nothing_is_odd_while_there_is_nothing_to_compare_with() -> None:
    assert suspicions(facts_of(_vectors(20, scale=100.0)), [1.0] * 4, [], []) == ()


def test_a_gradient_that_would_overflow_is_odd_even_then() -> None:
    [sentence] = suspicions(facts_of(_vectors(20, scale=1e20)), [], [], [])
    assert "enormous" in sentence


@pytest.mark.parametrize("loss", [-4.0, 50.0])
def test_a_loss_far_from_the_usual_is_odd(loss: float) -> None:
    assert "loss" in _found(_vectors(20, loss=loss))[0]


@pytest.mark.parametrize("scale", [1.0, 0.5, 3.0])
def test_another_units_gradient_sent_again_is_odd_however_it_is_scaled(scale: float) -> None:
    copy = _vectors(3)
    noise = np.random.default_rng(5).standard_normal(SIZE).astype(np.float32)
    assert "nearly the same" in _found(copy._replace(gradient=np.float32(scale) * copy.gradient + noise))[0]


def test_honest_gradients_that_are_nearly_the_same_by_nature_are_not_called_copies() -> None:
    others = _round(alike=0.99999)
    assert _found(_vectors(20, alike=0.99999), others) == ()
    assert "nearly the same" in _found(_vectors(3, alike=0.99999), others)[0]


def test_a_flipped_sign_points_against_the_round() -> None:
    flipped = _vectors(20)
    assert "against" in _found(flipped._replace(gradient=-flipped.gradient))[0]


def test_a_round_without_a_common_direction_calls_nobody_a_traitor() -> None:
    assert all(_found(_vectors(seed, alike=0.0), _round(alike=0.0)) == () for seed in range(20, 40))


@pytest.mark.parametrize("width", [128, 255, 256, 257, 512, 514, 1024])
def test_a_sketch_keeps_angles_even_of_vectors_that_live_in_one_column(width: int) -> None:
    one, other = np.zeros((500, width), np.float32), np.zeros((500, width), np.float32)
    one[:, 7] = np.random.default_rng(1).standard_normal(500)
    other[:, 7] = np.random.default_rng(2).standard_normal(500)
    sketches = [
        facts_of(Vectors(matrix.ravel(), np.zeros(0, np.float32), np.ones(1), 1), seed=4).sketch
        for matrix in (one, other)
    ]
    assert abs(sketches[0] @ sketches[1]) < 0.3


def test_a_sketch_depends_on_its_seed_and_zeros_have_none() -> None:
    vectors = _vectors(1)
    assert not np.allclose(facts_of(vectors, 1).sketch, facts_of(vectors, 2).sketch)
    zeros = facts_of(vectors._replace(gradient=np.zeros(SIZE, np.float32)))
    assert (zeros.norm, float(np.abs(zeros.sketch).max())) == (0.0, 0.0)


LAYOUT = Layout((), (("bn/moving_mean", 3), ("bn/moving_variance", 3)))


@pytest.mark.parametrize(("change", "odd"), [(-0.01, False), (-0.0099, False), (-0.011, True), (5.0, False)])
def test_a_moving_variance_cannot_fall_faster_than_its_momentum_lets_it(change: float, odd: bool) -> None:
    moving = (64 * np.array([-9, -9, -9, change, 0, 0])).astype(np.float32)
    vectors = Vectors(np.zeros(0, np.float32), moving, np.ones(1), 64)
    said = variance_below_zero(vectors, LAYOUT, np.ones(6, np.float32), np.full(6, 0.99))
    assert ("negative variance" in said) is odd
