"""Two results compared in all their parts, and opinions weighed against each other."""

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.quorum import AGREE, Agreement, Decision, Layout, Opinion, Vectors, compare, decide
from server.rules.sizing import MOST_COMPARABLE

LAYOUT = Layout((("kernel", 800), ("bias", 10), ("head", 200)), (("moving_mean", 10), ("moving_variance", 10)))
EXAMPLES = 64
AGREED, UNCLEAR, DIFFERENT = Agreement.agree, Agreement.unclear, Agreement.differ


def _honest(seed: int = 1, scale: float = 1.0) -> Vectors:
    rng = np.random.default_rng(seed)
    gradient = (EXAMPLES * scale * rng.standard_normal(1010)).astype(np.float32)
    moving = (EXAMPLES * 0.01 * rng.standard_normal(20)).astype(np.float32)
    return Vectors(gradient, moving, np.array([EXAMPLES * 1.7, 40.0, 64.0]), EXAMPLES)


def _noisy(vectors: Vectors, relative: float, seed: int = 2) -> Vectors:
    rng = np.random.default_rng(seed)
    factor = 1 + relative * rng.standard_normal(len(vectors.gradient))
    return vectors._replace(gradient=(vectors.gradient * factor).astype(np.float32))


def test_the_same_bits_agree_at_distance_nought() -> None:
    assert compare(_honest(), _honest(), LAYOUT)[:2] == (AGREED, 0.0)


@pytest.mark.parametrize(
    ("relative", "expected"), [(1e-6, AGREED), (3e-4, AGREED), (0.02, UNCLEAR), (0.5, DIFFERENT), (2.0, DIFFERENT)]
)
def test_the_distance_is_relative_and_the_same_in_both_directions(relative: float, expected: Agreement) -> None:
    for scale in (1e3, 1.0, 1e-3):
        mine, yours = _honest(scale=scale), _noisy(_honest(scale=scale), relative)
        assert compare(mine, yours, LAYOUT).agreement is expected
        assert compare(mine, yours, LAYOUT).distance == compare(yours, mine, LAYOUT).distance


def test_zeros_differ_from_a_gradient() -> None:
    zeros = _honest()._replace(gradient=np.zeros(1010, np.float32))
    assert compare(_honest(), zeros, LAYOUT).distance == pytest.approx(1.0, rel=1e-3)


def test_a_lie_inside_one_small_layer_is_named_though_the_whole_hardly_moves() -> None:
    gradient = _honest().gradient.copy()
    gradient[800:810] *= -1
    found = compare(_honest(), _honest()._replace(gradient=gradient), LAYOUT)
    assert (found.agreement, found.where) == (DIFFERENT, "gradient bias")


def test_rounding_in_a_layer_whose_gradient_vanishes_is_no_lie() -> None:
    mine, yours = _honest().gradient.copy(), _honest().gradient.copy()
    mine[800:810] = np.linspace(-1e-4, 1e-4, 10)
    yours[800:810] = np.linspace(1e-4, -1e-4, 10)
    assert compare(_honest()._replace(gradient=mine), _honest()._replace(gradient=yours), LAYOUT).agreement is AGREED


def test_rounding_in_a_whole_gradient_that_vanishes_is_no_lie_and_ten_times_it_is_in_doubt() -> None:
    tiny = _honest(scale=1e-8)
    assert compare(tiny, _noisy(tiny, 1.0), LAYOUT).agreement is AGREED
    assert compare(tiny, _honest(2, scale=1e-5), LAYOUT).agreement is DIFFERENT


def test_a_lie_about_moving_statistics_is_found_and_their_rounding_is_not() -> None:
    honest = _honest()
    lied = honest._replace(moving=(honest.moving * 1.5).astype(np.float32))
    assert compare(honest, lied, LAYOUT).where == "moving"
    rounded = honest._replace(moving=(honest.moving + np.float32(EXAMPLES * 1e-7)).astype(np.float32))
    assert compare(honest, rounded, LAYOUT).agreement is AGREED


def test_the_rounding_of_moving_statistics_grows_with_the_statistics_themselves() -> None:
    honest, state = _honest(), np.full(20, 1e4, np.float32)
    rounded = honest._replace(moving=(honest.moving + np.float32(EXAMPLES * 1e-3)).astype(np.float32))
    assert compare(honest, rounded, LAYOUT).agreement is not AGREED
    assert compare(honest, rounded, LAYOUT, state).agreement is AGREED


@pytest.mark.parametrize(
    ("sums", "expected"),
    [
        ([EXAMPLES * 1.7, 41.0, 64.0], AGREED),
        ([EXAMPLES * 1.7, 64.0, 64.0], UNCLEAR),
        ([EXAMPLES * 1.701, 40.0, 64.0], AGREED),
        ([EXAMPLES * 0.1, 40.0, 64.0], DIFFERENT),
    ],
)
def test_loss_and_metrics_are_compared_too_and_one_tie_may_fall_either_way(
    sums: list[float], expected: Agreement
) -> None:
    assert compare(_honest(), _honest()._replace(sums=np.array(sums)), LAYOUT).agreement is expected


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_agree_with_nothing(bad: float) -> None:
    gradient = _honest().gradient.copy()
    gradient[3] = bad
    broken = _honest()._replace(gradient=gradient)
    assert compare(_honest(), broken, LAYOUT).agreement is DIFFERENT
    assert compare(broken, broken, LAYOUT).agreement is DIFFERENT
    assert compare(_honest(), _honest()._replace(sums=np.array([bad, 40, 64])), LAYOUT).agreement is DIFFERENT


def test_results_over_other_examples_or_of_another_size_differ() -> None:
    assert compare(_honest(), _honest()._replace(examples=63), LAYOUT).where == "shapes"
    assert compare(_honest(), _honest()._replace(sums=np.zeros(2)), LAYOUT).where == "shapes"


def test_models_without_parameters_or_statistics_are_compared_by_what_there_is() -> None:
    nothing = Vectors(np.zeros(0, np.float32), np.zeros(0, np.float32), np.array([1.0]), 1)
    assert compare(nothing, nothing, Layout((), ())).agreement is AGREED


def test_the_tolerance_is_exact_at_its_edge() -> None:
    one = Vectors(np.full(4, 1.0, np.float32), np.zeros(0, np.float32), np.zeros(1), 1)
    other = one._replace(gradient=np.full(4, 1 - 0.9 * AGREE, np.float32))
    beyond = one._replace(gradient=np.full(4, 1 - 1.1 * AGREE, np.float32))
    layout = Layout((("kernel", 4),), ())
    assert compare(one, other, layout).agreement is AGREED
    assert compare(one, beyond, layout).agreement is UNCLEAR


def test_the_largest_unit_shows_one_mini_batch_left_out_clearly() -> None:
    alike = Vectors(np.full(4, float(MOST_COMPARABLE), np.float32), np.zeros(0, np.float32), np.zeros(1), 100)
    lazy = alike._replace(gradient=np.full(4, MOST_COMPARABLE - 1.0, np.float32))
    assert compare(alike, lazy, Layout((("kernel", 4),), ())).distance > 4.9 * AGREE


def _decide(opinions: str, referees: str = "", need: int = 2, unsure: Mapping[str, str] | None = None) -> Decision:
    """One letter an opinion: equal letters agree, others differ unless `unsure` names the pair."""
    doubts = {frozenset(pair) for pair in (unsure or {}).items()}

    def agreement(one: int, other: int) -> Agreement:
        said, replied = opinions[one], opinions[other]
        if said == replied:
            return AGREED
        return UNCLEAR if frozenset((said, replied)) in doubts else DIFFERENT

    found = [Opinion(i, 100 + i, bool(referees) and referees[i] == "R") for i in range(len(opinions))]
    return decide(found, agreement, need)


def test_one_opinion_is_enough_where_one_is_needed_and_else_waits_for_another() -> None:
    assert _decide("a", need=1).canonical == 0
    assert (_decide("a").settled, _decide("a").want) == (False, 2)
    assert _decide("a", need=3).want == 3
    assert _decide("").want == 2


def test_two_that_agree_settle_it_and_the_earlier_is_canonical() -> None:
    found = _decide("aa")
    assert (found.settled, found.canonical, found.agreeing, found.want) == (True, 0, {0, 1}, 2)


def test_two_that_disagree_get_a_third_and_the_odd_one_out_is_refuted() -> None:
    assert (_decide("ab").settled, _decide("ab").want) == (False, 3)
    found = _decide("aba")
    assert (found.canonical, found.agreeing, found.refuted) == (0, {0, 2}, {1})
    assert _decide("abb").canonical == 1


def test_two_against_two_get_a_fifth_and_beyond_it_only_a_referee_can_say() -> None:
    assert (_decide("abab").settled, _decide("abab").want) == (False, 5)
    assert _decide("ababb").agreeing == {1, 3, 4}
    found = _decide("ababc")
    assert (found.settled, found.want) == (False, 5)


def test_who_is_only_in_doubt_is_not_refuted() -> None:
    found = _decide("axa", unsure={"a": "x"})
    assert (found.agreeing, found.unclear, found.refuted) == ({0, 2}, {1}, frozenset())
    assert not _decide("ax", unsure={"a": "x"}).settled


def test_two_opinions_of_one_account_count_once() -> None:
    opinions = [Opinion(0, 7), Opinion(1, 7), Opinion(2, 8)]
    same = lambda one, other: AGREED  # noqa: E731
    assert not decide(opinions[:2], same, 2).settled
    assert decide(opinions, same, 2).settled


def test_a_referee_outranks_any_number_that_agree_on_a_lie() -> None:
    found = _decide("aab", "..R")
    assert (found.settled, found.referee, found.canonical) == (True, True, 2)
    assert (found.agreeing, found.refuted) == ({2}, {0, 1})


def test_an_ordinary_result_that_the_referee_confirms_stays_canonical() -> None:
    found = _decide("abb", "..R")
    assert (found.canonical, found.agreeing, found.refuted) == (1, {1, 2}, {0})


def test_of_referees_who_contradict_each_other_most_are_believed_then_the_earlier() -> None:
    assert _decide("abb", "RRR").refuted == {0}
    assert _decide("ab", "RR").refuted == {1}


def test_agreement_in_a_chain_blames_nobody_who_agrees_with_the_canonical_one() -> None:
    # 0 agrees with 1 and with 2, of which each doubts the other.
    pairs = {frozenset((0, 1)): AGREED, frozenset((0, 2)): AGREED, frozenset((1, 2)): UNCLEAR}
    found = decide([Opinion(i, i) for i in range(3)], lambda one, other: pairs[frozenset((one, other))], 2)
    assert (found.settled, found.agreeing, found.refuted) == (True, {0, 1, 2}, frozenset())


_PAIRS = list(itertools.combinations(range(5), 2))


@given(
    st.lists(st.sampled_from(Agreement), min_size=len(_PAIRS), max_size=len(_PAIRS)),
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=5),
    st.integers(1, 3),
)
def test_whatever_opinions_say_of_each_other_nobody_is_both_right_and_wrong(
    kinds: list[Agreement], speakers: list[tuple[int, bool]], need: int
) -> None:
    said = dict(zip(map(frozenset, _PAIRS), kinds, strict=True))
    opinions = [Opinion(number, account, referee) for number, (account, referee) in enumerate(speakers)]
    found = decide(opinions, lambda one, other: said[frozenset((one, other))], need)
    everybody = {one.result for one in opinions}
    if not found.settled:
        assert not any(one.referee for one in opinions)
        assert (found.agreeing, found.refuted, found.canonical) == (frozenset(), frozenset(), None)
        assert found.want >= len(opinions)
        return
    assert found.agreeing | found.unclear | found.refuted == everybody
    assert len(found.agreeing) + len(found.unclear) + len(found.refuted) == len(everybody)
    assert found.canonical in found.agreeing
    assert found.referee or len({one.account for one in opinions if one.result in found.agreeing}) >= need
