"""The pure rules of rounds, units, leases, shares and retries."""

import datetime as dt
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules import choosing, deadlines, k_batch, retries, sharing, sizing
from server.rules.sharing import Share
from server.rules.states import (
    MOVES,
    DraftState,
    LinkState,
    ProjectState,
    ResultState,
    RoundState,
    UnitState,
    may_move,
)

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(("k", "left", "target"), [(4, 10, 4), (4, 4, 4), (4, 3, 3), (100, 7, 7), (1, 1, 1)])
def test_a_round_waits_for_k_or_for_what_remains(k: int, left: int, target: int) -> None:
    assert k_batch.round_target(k, left) == target


@pytest.mark.parametrize(("used", "target", "enough"), [(3, 4, False), (4, 4, True), (6, 4, True), (0, 1, False)])
def test_the_unit_that_reaches_k_counts_whole(used: int, target: int, enough: bool) -> None:
    assert k_batch.has_enough(used, target) is enough


@given(outstanding=st.integers(0, 50), used=st.integers(0, 50), target=st.integers(1, 40))
def test_while_others_wait_one_and_a_half_k_is_never_passed(outstanding: int, used: int, target: int) -> None:
    if k_batch.may_cut(outstanding, used, target, others_wait=True):
        bound = k_batch.left_for(outstanding, used, target, others_wait=True)
        assert bound >= 1
        assert used + outstanding + bound <= max(1.5 * target, target, 1)
    assert k_batch.may_cut(outstanding, used, target, others_wait=False)


@given(outstanding=st.integers(0, 50), used=st.integers(0, 50), target=st.integers(1, 40))
def test_a_unit_takes_no_more_than_the_round_lacks_and_beyond_k_no_more_than_k(
    outstanding: int, used: int, target: int
) -> None:
    lacking = target - used - outstanding
    bound = k_batch.left_for(outstanding, used, target, others_wait=False)
    assert bound == (lacking if lacking > 0 else target)


@given(used=st.integers(0, 50), target=st.integers(1, 50))
def test_an_open_round_with_nothing_out_may_always_be_cut_from(used: int, target: int) -> None:
    """Else it could never close."""
    assert k_batch.has_enough(used, target) or k_batch.may_cut(0, used, target, others_wait=True)


def test_free_places_are_those_that_are_neither_used_nor_in_hand() -> None:
    assert list(choosing.free_places(8, 2, {3, 5})) == [2, 4, 6, 7]
    assert list(choosing.free_places(3, 3, set())) == []


@pytest.mark.parametrize(
    ("held", "size", "chosen"),
    [
        (set(), 2, [0, 1]),
        ({1}, 2, [2, 3]),
        ({2}, 3, [4, 5, 0]),
        (set(), 9, [0, 1, 2, 3, 4, 5]),
        ({9}, 1, [0]),
        ({1, 2}, 0, []),
    ],
)
def test_mini_batches_of_held_shards_go_first_and_then_the_head_of_the_queue(
    held: set[int], size: int, chosen: list[int]
) -> None:
    assert choosing.choose(range(6), size, lambda place: place // 2, held) == chosen


def test_a_shard_that_must_be_fetched_anyway_is_used_up_before_the_next_one() -> None:
    shards = [0, 1, 2, 0, 1, 2]
    assert choosing.choose(range(6), 4, lambda place: shards[place], set()) == [0, 3, 1, 4]


@given(st.sets(st.integers(0, 30)), st.integers(0, 10))
def test_the_head_moves_to_the_first_place_that_is_not_used(used: set[int], head: int) -> None:
    moved = choosing.next_head(head, used)
    assert moved not in used
    assert set(range(head, moved)) <= used


@pytest.mark.parametrize(
    ("expected", "limit", "lease"),
    [(0, 600, 30), (6, 600, 30), (10, 600, 50), (1000, 600, 600), (1000, 30, 30), (10, 40, 40), (10, 5, 30)],
)
def test_a_lease_is_five_times_the_expected_time_between_thirty_seconds_and_the_limit(
    expected: float, limit: float, lease: float
) -> None:
    assert deadlines.lease_seconds(expected, limit) == lease


@pytest.mark.parametrize(("expected", "every"), [(0, 1), (4, 1), (8, 2), (100, 25), (1000, 30)])
def test_heartbeats_come_every_quarter_of_a_unit_between_one_and_thirty_seconds(expected: float, every: float) -> None:
    assert deadlines.heartbeat_seconds(expected) == every
    assert deadlines.silence_seconds(every) >= max(3 * every, 5)


@given(st.floats(0, 1e6), st.floats(30, 1e6))
def test_silence_is_found_before_the_lease_is_over(expected: float, limit: float) -> None:
    heartbeat = deadlines.heartbeat_seconds(expected)
    assert deadlines.silence_seconds(heartbeat) <= max(deadlines.lease_seconds(expected, limit), 90)


@pytest.mark.parametrize(
    ("speed", "operations", "k", "hosts", "size"),
    [
        (100.0, 100, 50, 1, 10), (100.0, 100, 8, 2, 4), (100.0, 100, 3, 4, 1), (1.0, 10**9, 50, 1, 1),
        (1e12, 1, 40, 3, 13), (100.0, 0, 5, 0, 5), (0.0, int(2e8), 50, 1, 10), (0.0, int(2e9), 50, 1, 1),
    ],
)  # fmt: skip
def test_a_unit_aims_at_ten_seconds_and_leaves_its_share_to_the_others(
    speed: float, operations: int, k: int, hosts: int, size: int
) -> None:
    assert sizing.mini_batches_for(speed, operations, k, hosts) == size


def test_speed_is_half_old_and_half_new() -> None:
    assert sizing.measured_speed(0.0, 1000, 10.0) == 100
    assert sizing.measured_speed(100.0, 1000, 5.0) == 150
    assert sizing.measured_speed(0.0, 1000, 0.0) == 1e6
    assert sizing.expected_seconds(50.0, 100, 3) == 6
    assert sizing.expected_seconds(0.0, int(2e8), 2) == 2


def test_memory_grows_with_parameters_activations_and_batch() -> None:
    base = sizing.memory_needed(0, 0, 1)
    assert sizing.memory_needed(10, 0, 1) == base + 480
    assert sizing.memory_needed(0, 100, 8) == base + 2400


def test_the_turn_goes_to_the_owner_and_then_to_the_project_with_the_least() -> None:
    shares = [Share(1, 1, 5.0), Share(1, 2, 3.0), Share(2, 3, 9.0), Share(3, 4, 8.5)]
    assert sharing.order_of_projects(shares) == [2, 1, 4, 3]
    assert sharing.order_of_projects([]) == []


def test_equal_shares_go_to_the_older_project() -> None:
    shares = [Share(2, 7, 0.0), Share(1, 9, 0.0), Share(2, 5, 0.0)]
    assert sharing.order_of_projects(sorted(shares, key=lambda s: s.project)) == [5, 7, 9]


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(0.1, 5)), min_size=2, max_size=6))
def test_in_the_long_run_owners_get_the_same_whatever_their_units_take(projects: list[tuple[int, float]]) -> None:
    """Each turn costs the project's own time; after many turns no owner is further ahead than one turn."""
    spent = dict.fromkeys(range(len(projects)), 0.0)
    for _ in range(400):
        first = sharing.order_of_projects(Share(o, n, spent[n]) for n, (o, _) in enumerate(projects))[0]
        spent[first] += projects[first][1]
    per_owner: dict[int, float] = {}
    for number, (owner, _) in enumerate(projects):
        per_owner[owner] = per_owner.get(owner, 0.0) + spent[number]
    assert max(per_owner.values()) - min(per_owner.values()) <= 5.001


@dataclass
class Ended:
    state: ResultState
    ended_at: dt.datetime | None


def test_losses_count_since_a_person_said_go_on() -> None:
    past = [Ended(ResultState.lost, NOW), Ended(ResultState.failed, NOW), Ended(ResultState.leased, None)]
    assert retries.losses_since(None, past) == 1
    assert retries.losses_since(NOW, past) == 1
    assert retries.losses_since(NOW + dt.timedelta(seconds=1), past) == 0


@pytest.mark.parametrize(
    ("failures", "losses", "hopeless"), [(5, 19, False), (6, 0, True), (0, 20, True), (0, 0, False)]
)
def test_failures_are_borne_less_long_than_losses(failures: int, losses: int, hopeless: bool) -> None:
    assert retries.unit_is_hopeless(failures, losses) is hopeless


@pytest.mark.parametrize(("hosts", "results", "diverged"), [(1, 1, False), (1, 2, False), (2, 2, True), (1, 3, True)])
def test_where_nobody_else_could_say_two_hosts_or_three_results_make_a_model_diverged(
    hosts: int, results: int, diverged: bool
) -> None:
    assert retries.model_diverged(1, hosts, results, others_could_say=False) is diverged


@pytest.mark.parametrize(("accounts", "hosts", "diverged"), [(1, 30, False), (2, 2, True)])
def test_one_account_alone_cannot_say_that_a_model_diverged(accounts: int, hosts: int, diverged: bool) -> None:
    assert retries.model_diverged(accounts, hosts, 100, others_could_say=True) is diverged


STATES = (DraftState, LinkState, ProjectState, RoundState, UnitState, ResultState)


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(STATES)
    for states in STATES:
        assert set(MOVES[states]) == set(states)


def test_equal_words_of_two_kinds_are_not_the_same_state() -> None:
    assert may_move(RoundState.open, RoundState.closing)
    assert may_move(UnitState.open, UnitState.cancelled)
    assert not may_move(UnitState.open, ResultState.valid)
    assert not may_move(ProjectState.running, ResultState.cancelled)


@pytest.mark.parametrize("states", STATES)
def test_moves_stay_within_their_kind_and_every_state_can_be_reached_from_the_first(states: type) -> None:
    everything = set(states)  # type: ignore[call-overload]
    first = next(iter(states))  # type: ignore[call-overload]
    reached, frontier = {first}, [first]
    while frontier:
        for new in MOVES[states][frontier.pop()]:
            assert type(new) is states
            if new not in reached:
                reached.add(new)
                frontier.append(new)
    assert reached == everything
    assert not any(may_move(state, state) for state in everything)


def test_a_verdict_is_for_ever_but_that_a_check_may_refute_what_counted() -> None:
    assert MOVES[ResultState][ResultState.unneeded] == frozenset()
    # Liars may have outvoted it: a referee can still say so.
    assert MOVES[ResultState][ResultState.invalid] == {ResultState.unneeded}
    # Whose numbers alone are not finite has erred; whether he is alone is known when others have spoken.
    assert MOVES[ResultState][ResultState.not_finite] == {ResultState.invalid}
    assert MOVES[ResultState][ResultState.valid] == {ResultState.held, ResultState.invalid}
    assert not MOVES[ProjectState][ProjectState.finished] | MOVES[ProjectState][ProjectState.cancelled]


def test_from_every_project_state_that_is_not_the_end_there_is_a_way_out() -> None:
    for state in ProjectState:
        if state not in (ProjectState.finished, ProjectState.cancelled):
            assert may_move(state, ProjectState.cancelled)


def test_a_round_will_close_once_what_is_used_and_reported_reaches_its_target() -> None:
    assert not k_batch.will_close(1, 2, 4)
    assert k_batch.will_close(2, 2, 4)
    assert k_batch.will_close(0, 5, 4)


@pytest.mark.parametrize(
    ("failed", "awake", "trusted", "is_so"),
    [
        ({1}, {1}, set(), True),
        ({1}, {1, 2}, set(), False),
        ({1, 2}, {1, 2, 3}, set(), True),
        ({1, 2}, {1, 2, 3}, {3}, False),
        ({1, 3}, {1, 2, 3}, {3}, True),
        ({1}, set(), set(), True),
    ],
)
def test_a_unit_is_given_up_when_not_one_volunteer_alone_has_failed_at_it(
    failed: set[int], awake: set[int], trusted: set[int], is_so: bool
) -> None:
    assert retries.nobody_else_could(failed, awake, trusted) is is_so
