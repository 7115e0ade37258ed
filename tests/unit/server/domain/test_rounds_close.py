"""Validator and assimilator: what makes a round close, and what may happen while it does."""

import os

import numpy as np
import pytest

from server.domain.assimilator import Assimilator
from server.errors import LeadershipLost
from server.rules.learning_values import LearnerFailed, StepReport, StepRequest
from server.rules.states import ProjectState, ResultState, RoundState, UnitState
from server.rules.validation_policy import ValidationPolicy
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.tiny_training import TinyLearner
from volunteer.protocol.messages import Verdict
from volunteer.protocol.tensors import load


class Killed(BaseException):
    """The process ends here."""


def weights_of(grid: DomainGrid, project: int) -> np.ndarray:  # type: ignore[type-arg]
    checkpoint = grid.stores.checkpoints.latest(project)
    assert checkpoint is not None
    return load(grid.stores.blobs.path(checkpoint.weights_sha256))[0]["trainable"]


def test_a_round_closes_with_exactly_k_mini_batches(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=80, k=4)
    lease = steady.lease()
    assert len(lease.mini_batches) == 4
    steady.deliver(lease)
    grid.rounds()
    closed = grid.stores.rounds.get(project, 0)
    assert (closed.state, closed.used, closed.examples) == (RoundState.closed, 4, 16)
    assert closed.loss == pytest.approx(0.25)
    expected = np.zeros(20)
    expected[lease.mini_batches] = 4
    np.testing.assert_array_equal(weights_of(grid, project), expected)


class Noting(TinyLearner):
    def step(self, request: StepRequest) -> StepReport:
        self.rule = request.averaging
        return super().step(request)


@pytest.mark.parametrize(
    ("wish", "quorum", "results", "rule"),
    [("auto", 1, 6, "mean"), ("auto", 2, 4, "mean"), ("auto", 2, 5, "centered_clip"), ("median", 1, 2, "median")],
)
def test_the_rule_that_a_round_is_averaged_by_stands_with_the_round(
    grid: DomainGrid, owner: int, steady: Cast, wish: str, quorum: int, results: int, rule: str
) -> None:
    project, learner = grid.project(owner, examples=80, k=results, averaging=wish), Noting()
    for _ in range(results):
        steady.deliver(steady.lease(), count=1)
        grid.validator.run_pass(grid.now)
    policy = ValidationPolicy(quorum)
    Assimilator(grid.stores, grid.plans, learner, grid.notices, lambda: None, policy).run_pass(grid.now)
    assert grid.stores.rounds.get(project, 0).averaging == rule == learner.rule


def test_the_unit_that_passes_k_counts_whole(grid: DomainGrid, owner: int, steady: Cast, slow: Cast) -> None:
    project = grid.project(owner, examples=80, k=5)
    first, second = steady.lease(), slow.lease()
    assert (len(first.mini_batches), len(second.mini_batches)) == (5, 2)
    steady.deliver(first, count=4)
    slow.deliver(second)
    grid.rounds()
    assert grid.stores.rounds.get(project, 0).used == 6
    assert grid.audit.findings(grid.now) == []


def test_mini_batches_that_were_not_used_stand_at_the_head_of_the_next_rounds_queue(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast
) -> None:
    grid.project(owner, examples=80, k=4)
    held_up, quick = slow.lease(), steady.lease()
    steady.deliver(quick)
    steady.deliver(steady.lease())
    grid.rounds()
    assert grid.row(1).round == 1
    assert set(steady.lease().mini_batches) <= set(held_up.mini_batches)


def test_at_the_end_of_an_epoch_k_is_what_remains(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=22, k=4, epochs=1)
    while grid.row(project).state is ProjectState.running:
        steady.deliver(steady.lease())
        grid.rounds()
    rounds = grid.stores.rounds.closed(project)
    assert [(r.target, r.used, r.examples) for r in rounds] == [(4, 4, rounds[0].examples), (2, 2, rounds[1].examples)]
    assert sum(r.examples for r in rounds) == 22
    np.testing.assert_array_equal(weights_of(grid, project), [4, 4, 4, 4, 4, 2])
    ends = [c.ends_epoch for c in grid.stores.checkpoints.of_project(project)]
    assert ends == [False, False, True]


def test_k_may_exceed_the_mini_batches_of_an_epoch(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=8, k=1000, epochs=3)
    for _ in range(3):
        steady.deliver(steady.lease())
        grid.rounds()
    assert grid.row(project).state is ProjectState.finished
    assert grid.row(project).round == 3


def test_gradients_are_summed_in_the_order_of_the_units_whoever_was_first(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast
) -> None:
    grid.project(owner, examples=80, k=6)
    first, second = steady.lease(), slow.lease()
    slow.deliver(second)
    grid.validator.run_pass(grid.now)
    steady.deliver(first)
    grid.validator.run_pass(grid.now)
    requests = []
    step = grid.learner.step
    grid.learner.step = lambda request: requests.append(request) or step(request)  # type: ignore[method-assign]
    grid.rounds()
    sizes = [file.examples for file in requests[0].gradients]
    assert sizes == [4 * len(first.mini_batches), 4 * len(second.mini_batches)]
    assert requests[0].mini_batches == len(first.mini_batches) + len(second.mini_batches)


def test_a_result_that_comes_while_the_round_closes_changes_nothing_of_it(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast
) -> None:
    grid.project(owner, examples=80, k=4)
    late, enough = slow.lease(), steady.lease()
    slow.deliver(late, count=1)
    steady.deliver(enough)
    steady.deliver(steady.lease())
    while grid.validator.run_pass(grid.now):
        pass
    round_ = grid.stores.rounds.get(1, 0)
    assert round_.state is RoundState.closing
    for unit in grid.stores.work.units_of_round(1, 0):
        assert unit.state is not UnitState.open
    grid.rounds()
    assert grid.audit.findings(grid.now) == []


def test_one_not_finite_result_blames_nobody_and_the_unit_goes_to_another(
    grid: DomainGrid, owner: int, liar: Cast, steady: Cast
) -> None:
    grid.project(owner)
    grid.stores.hosts.saw(steady.id, grid.now)
    lease = liar.lease()
    blob = grid.honest(lease)
    blob.gradient[0] = np.nan
    liar.upload(lease.result, blob)
    grid.rounds()
    assert grid.stores.work.result(int(lease.result)).state is ResultState.not_finite
    assert grid.row(1).state is ProjectState.running
    assert liar.upload(lease.result, blob).verdict is Verdict.invalid
    assert steady.lease().mini_batches == lease.mini_batches


@pytest.mark.parametrize("vector", ["gradient", "sums"])
def test_two_hosts_with_numbers_that_are_not_finite_stop_the_project_with_its_last_good_weights(
    grid: DomainGrid, owner: int, liar: Cast, steady: Cast, vector: str
) -> None:
    project = grid.project(owner)
    for host in (liar, steady):
        lease = host.lease()
        blob = grid.honest(lease)
        getattr(blob, vector)[0] = np.inf
        host.upload(lease.result, blob)
        grid.rounds()
    row = grid.row(project)
    assert row.state is ProjectState.needs_attention
    assert "diverged" in row.reason
    assert grid.results.download(owner, project, "latest", "own", grid.now).path.exists()
    assert [view.invalid_results for view in grid.hosts.list_for(1, grid.now)] == [0, 0]
    assert grid.views.view(owner, project, grid.now).summary.status.startswith("Needs attention: the model diverged")


def test_a_project_that_is_tried_again_gets_as_many_tries_as_the_first_time(
    grid: DomainGrid, owner: int, liar: Cast, steady: Cast
) -> None:
    project = grid.project(owner)
    for attempt in range(2):
        for number, host in enumerate((liar, steady)):
            assert grid.row(project).state is ProjectState.running, (attempt, number)
            lease = host.lease()
            blob = grid.honest(lease)
            blob.gradient[0] = np.nan
            host.upload(lease.result, blob)
            grid.rounds()
        assert grid.row(project).state is ProjectState.needs_attention
        grid.wait(1)
        grid.projects.resume(owner, project, grid.now)
    steady.deliver(steady.lease())
    grid.rounds()
    assert grid.row(project).round == 1


def test_a_gradient_whose_tensors_overlap_is_invalid_and_stops_nothing(
    grid: DomainGrid, owner: int, liar: Cast
) -> None:
    """Its header passes at the door; the bytes are read by the validator only."""
    grid.project(owner)
    lease = liar.lease()
    data = grid.honest(lease).encode()
    broken = data.replace(b'"data_offsets":[0,', b'"data_offsets":[1,')
    assert broken != data
    assert liar.upload(lease.result, broken).verdict is Verdict.pending
    grid.rounds()
    assert liar.upload(lease.result, broken).verdict is Verdict.invalid
    assert grid.row(1).state is ProjectState.running


def test_a_step_that_gives_no_finite_numbers_stops_the_project_and_keeps_the_weights_before_it(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner, k=3)
    grid.learner.not_finite_once_above = 4.0
    for _ in range(8):
        if grid.row(project).state is ProjectState.running:
            steady.deliver(steady.lease())
            grid.rounds()
    row = grid.row(project)
    assert row.state is ProjectState.needs_attention
    assert "diverged" in row.reason
    assert np.isfinite(weights_of(grid, project)).all()
    assert grid.stores.checkpoints.latest(project).round == row.round
    steps = grid.learner.steps
    for _ in range(5):
        grid.rounds()
    assert grid.learner.steps == steps, "nothing spins"
    grid.learner.not_finite_once_above = float("inf")
    grid.projects.resume(owner, project, grid.now)
    grid.rounds()
    assert grid.row(project).round == row.round + 1


def test_a_learner_that_fails_is_asked_again_and_after_four_times_a_person_is_called(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner)
    tries = []

    def fail() -> None:
        tries.append(1)
        raise LearnerFailed("The learner ran out of memory.")

    grid.learner.before_step = fail
    steady.deliver(steady.lease())
    for _ in range(10):
        grid.rounds()
    row = grid.row(project)
    assert len(tries) == 4
    assert row.state is ProjectState.needs_attention
    assert "ran out of memory" in row.reason
    grid.learner.before_step = lambda: None
    grid.projects.resume(owner, project, grid.now)
    grid.rounds()
    assert grid.row(project).round == 1


def test_a_learner_that_failed_once_costs_no_more_than_time(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    steady.deliver(steady.lease())
    outcomes = iter([LearnerFailed, None])

    def sometimes() -> None:
        if error := next(outcomes):
            raise error

    grid.learner.before_step = sometimes
    grid.rounds()
    grid.rounds()
    assert grid.row(1).round == 1


def test_a_kill_between_blobs_and_rows_is_made_good_with_the_same_bytes(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner)
    steady.deliver(steady.lease())

    def kill() -> None:
        raise Killed

    grid.interrupt = kill
    with pytest.raises(Killed):
        grid.rounds()
    assert grid.row(project).round == 0
    stored = set(grid.stores.blobs.names())
    grid.interrupt = lambda: None
    grid.restart()
    grid.rounds()
    assert grid.row(project).round == 1
    assert set(grid.stores.blobs.names()) == stored
    assert grid.audit.findings(grid.now) == []


def test_who_does_not_lead_any_more_writes_nothing(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner)
    steady.deliver(steady.lease())
    with grid.stores.database.write():
        grid.wait(10)
        assert grid.stores.leadership.take("scheduler", "another", grid.now) == 2
    while grid.validator.run_pass(grid.now):
        pass
    before = grid.dump()
    assert grid.assimilator.run_pass(grid.now) == 0
    assert grid.dump() == before
    assert grid.row(project).round == 0
    with pytest.raises(LeadershipLost):
        grid.leader.guard()


@pytest.mark.parametrize("act", ["pause", "cancel", "delete"])
@pytest.mark.parametrize("epochs", [1, 2])
def test_what_an_owner_does_while_the_step_is_computed_breaks_no_pass(
    grid: DomainGrid, owner: int, stranger: int, steady: Cast, act: str, epochs: int
) -> None:
    """The other project's round, later in the same pass, still closes."""
    project = grid.project(owner, examples=8, k=50, epochs=epochs)
    other = grid.project(stranger, examples=8, k=50, epochs=9)
    for _ in range(2):
        steady.deliver(steady.lease())
        grid.wait(1)
    while grid.validator.run_pass(grid.now):
        pass
    acts = iter([lambda: getattr(grid.projects, act)(owner, project, grid.now)])
    grid.learner.before_step = lambda: next(acts, lambda: None)()
    grid.assimilator.run_pass(grid.now)
    assert grid.row(other).round == 1
    grid.assimilator.run_pass(grid.now)
    if act == "pause":
        grid.projects.resume(owner, project, grid.now)
        grid.rounds()
        assert grid.row(project).round == 1
    assert grid.audit.findings(grid.now) == []


def test_nothing_temporary_is_left_behind(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    for _ in range(3):
        steady.deliver(steady.lease())
        grid.rounds()
    assert os.listdir(grid.stores.blobs.incoming) == []
