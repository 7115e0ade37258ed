import pytest

from server.rules import retries
from server.rules.states import ProjectState, ResultState
from server.storage.tables import Result
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.protocol.messages import GiveBack, GiveBackReason, Heartbeat, Lease


def test_a_silent_host_is_lost_before_its_deadline(grid: DomainGrid, owner: int, ghost: Cast) -> None:
    grid.project(owner)
    lease = ghost.lease()
    grid.wait(4.9)
    assert grid.transitioner.run_pass(grid.now) == 0
    grid.wait(0.2)
    assert grid.transitioner.run_pass(grid.now) == 1
    result = grid.stores.work.result(int(lease.result))
    assert result.state is ResultState.lost
    assert result.ended_at == grid.now
    assert result.sentence == "Three heartbeats were missed."
    events = [event.sentence for event in grid.views.view(owner, 1, grid.now).events]
    assert any("A host was lost" in sentence and "round 0" in sentence for sentence in events)


def test_a_late_host_is_lost_though_it_shows_life(grid: DomainGrid, owner: int, slow: Cast) -> None:
    grid.project(owner)
    lease = slow.lease()
    for _ in range(31):
        grid.wait(1)
        grid.reports.heartbeat(slow.row, lease.result, Heartbeat(0), grid.now)
        grid.transitioner.run_pass(grid.now)
    result = grid.stores.work.result(int(lease.result))
    assert (result.state, result.sentence) == (ResultState.lost, "The report deadline has passed.")


def test_a_host_that_vanishes_costs_a_delay_and_never_a_hang(
    grid: DomainGrid, owner: int, ghost: Cast, steady: Cast
) -> None:
    project = grid.project(owner, examples=40, epochs=2)
    since = grid.now
    for _ in range(400):
        ghost.ask()
        reply = steady.ask()
        grid.wait(1)
        if isinstance(reply, Lease):
            steady.deliver(reply)
        grid.transitioner.run_pass(grid.now)
        grid.rounds()
        if grid.row(project).state is ProjectState.finished:
            break
    assert grid.row(project).state is ProjectState.finished
    assert (grid.now - since).total_seconds() < 200
    assert grid.audit.findings(grid.now) == []


def test_a_unit_that_fails_again_and_again_stops_the_project_with_the_reason(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    project = grid.project(owner)
    for _ in range(retries.MAX_UNIT_FAILURES):
        lease = steady.lease()
        grid.reports.give_back(steady.row, lease.result, GiveBack(GiveBackReason.out_of_memory, "2 GB"), grid.now)
        grid.transitioner.run_pass(grid.now)
    row = grid.row(project)
    assert row.state is ProjectState.needs_attention
    assert row.reason == (
        "the same unit of round 0 failed 6 times on 1 host. "
        "The last one, in the host's own words: “out_of_memory: 2 GB”."
    )
    assert not isinstance(steady.ask(), Lease)


@pytest.mark.parametrize("how", ["failed", "lost"])
def test_a_hopeless_unit_is_tried_again_when_the_owner_says_so(
    grid: DomainGrid, owner: int, steady: Cast, how: str
) -> None:
    project = grid.project(owner)
    for _ in range(retries.MAX_UNIT_LOSSES):
        reply = steady.ask()
        if not isinstance(reply, Lease):
            break
        if how == "failed":
            grid.reports.give_back(steady.row, reply.result, GiveBack(GiveBackReason.failed), grid.now)
        grid.wait(31)
        grid.transitioner.run_pass(grid.now)
    assert grid.row(project).state is ProjectState.needs_attention
    assert "on 1 host." in grid.row(project).reason
    grid.wait(1)
    grid.projects.resume(owner, project, grid.now)
    grid.transitioner.run_pass(grid.now)
    assert grid.row(project).state is ProjectState.running
    steady.deliver(steady.lease())
    grid.rounds()
    assert grid.row(project).round == 1


def test_the_servers_own_downtime_makes_nobody_late(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    lease = steady.lease()
    assert grid.downtime.run_pass(grid.now) == 0
    grid.wait(600)
    grid.restart()
    assert grid.downtime.run_pass(grid.now) == 1
    assert grid.transitioner.run_pass(grid.now) == 0
    result = grid.stores.work.result(int(lease.result))
    assert result.state is ResultState.leased
    assert 20 < (result.deadline - grid.now).total_seconds() < 31


def test_a_server_that_is_up_extends_nothing(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner)
    steady.ask()
    before = Result.get().deadline
    for _ in range(20):
        grid.wait(1)
        assert grid.downtime.run_pass(grid.now) == 0
    assert Result.get().deadline == before


def test_passes_that_are_always_slow_do_not_put_leases_off_for_ever(
    grid: DomainGrid, owner: int, ghost: Cast
) -> None:
    grid.project(owner)
    ghost.ask()
    for _ in range(30):
        grid.wait(4)
        grid.transitions()
    assert Result.get().state is ResultState.lost
