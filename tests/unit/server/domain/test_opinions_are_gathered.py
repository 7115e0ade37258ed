"""Dispatch, judge and referees together: whole trainings on grids that believe nobody at first."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from server.errors import HostQuarantined
from server.rules.states import ProjectState, Purpose, ResultState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Host, Result, Unit
from tests.support.checking import machine, row
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.plan.project_plan import Role
from volunteer.protocol.messages import Heartbeat, Lease, NoWork
from volunteer.protocol.tensors import load


@pytest.fixture
def policy() -> ValidationPolicy:
    return ValidationPolicy(quorum=2, trust_after=3, audit_share=0.1)


def train(grid: DomainGrid, project: int, hosts: Sequence[Cast], turns: int = 200) -> int:
    """All ask, compute and deliver, in turn, until it is over; how many turns that took."""
    for turn in range(turns):
        leases = [(host, reply) for host in hosts if isinstance(reply := host.ask(), Lease)]
        grid.wait(1)
        for host, lease in leases:
            host.deliver(lease)
        while grid.rounds() + grid.audits() + grid.transitions():
            pass
        if grid.row(project).state is ProjectState.finished and not Unit.select().where(Unit.seeks).count():
            return turn
    raise AssertionError(f"not over after {turns} turns: {grid.row(project).state}, round {grid.row(project).round}")


def assert_right_to_the_number(grid: DomainGrid, project: int, epochs: int) -> None:
    """Each mini-batch was used once an epoch, whoever computed it how often."""
    checkpoint = grid.stores.checkpoints.latest(project)
    assert checkpoint is not None
    weights = load(grid.stores.blobs.path(checkpoint.weights_sha256))[0]["trainable"]
    layout = grid.plan(project).layout
    assert grid.plan(project).size_of(Role.trainable) == len(weights)
    expected = [epochs * layout.locate(number).count for number in range(layout.mini_batches)]
    np.testing.assert_array_equal(weights, np.array(expected, np.float32))
    assert grid.audit.findings(grid.now) == []


def test_a_grid_of_one_volunteer_trains_by_the_servers_own_second_opinion(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=40, k=3, epochs=2)
    first = machine(grid, "first")
    twin = machine(grid, "twin", account=first.row.account_id)
    train(grid, project, [first, twin])
    assert grid.learner.recomputed > 0
    assert_right_to_the_number(grid, project, 2)
    assert Host.get_by_id(first.id).trust > 0


def test_volunteers_who_know_nothing_of_each_other_earn_trust_and_finish(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=120, k=4, epochs=2)
    hosts = [machine(grid, f"host {n}") for n in range(4)]
    train(grid, project, hosts)
    assert_right_to_the_number(grid, project, 2)
    assert all(Host.get_by_id(host.id).trust >= 3 for host in hosts)
    assert not Result.select().where(Result.state == ResultState.held).count()
    of_unit: dict[int, list[int]] = {}
    for result in Result.select().where(Result.purpose != Purpose.audit, Result.state == ResultState.valid):
        of_unit.setdefault(result.unit_id, []).append(result.host_id)
    assert all(len(hosts) == len(set(hosts)) for hosts in of_unit.values())


def test_what_was_finished_as_its_round_closed_is_thanked_for(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=160, k=2, epochs=1)
    grid.policy = replace(grid.policy, least_check=0.0)
    grid.restart()
    quick, slow = machine(grid, "quick", trust=10**6), machine(grid, "slow", trust=10**6)
    stranger = machine(grid, "stranger")
    late, unproven = slow.lease(), stranger.lease()
    while grid.row(project).round == 0:
        quick.deliver(quick.lease())
        grid.rounds()
    assert not grid.reports.heartbeat(slow.row, late.result, Heartbeat(0), grid.now).go_on
    assert slow.deliver(late).verdict == "pending"
    assert stranger.deliver(unproven).verdict == "pending"
    grid.rounds()
    assert row(late).state is ResultState.unneeded
    assert grid.stores.ledger.of_result(int(late.result))
    assert row(unproven).state is ResultState.held
    assert not grid.stores.ledger.of_result(int(unproven.result))
    train(grid, project, [quick, slow])
    assert row(unproven).state is ResultState.unneeded
    assert grid.stores.ledger.of_result(int(unproven.result))
    assert_right_to_the_number(grid, project, 1)


def test_who_was_second_with_a_unit_confirms_the_first_and_is_thanked_for(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=160, k=40, epochs=1)
    slow, quick = machine(grid, "slow", trust=500), machine(grid, "quick", trust=500)
    lease = slow.lease()
    grid.wait(60)
    grid.transitions()
    Host.update(last_seen_at=grid.now).execute()
    again = quick.lease()
    assert row(again).unit_id == row(lease).unit_id
    quick.deliver(again)
    grid.rounds()
    assert slow.deliver(lease).verdict == "pending"
    grid.rounds()
    assert [row(one).state for one in (again, lease)] == [ResultState.valid, ResultState.valid]
    assert [bool(grid.stores.ledger.of_result(int(one.result))) for one in (again, lease)] == [True, True]
    assert row(again).confirmed_at is not None


def test_a_part_of_what_a_closed_round_left_is_not_taken_for_the_whole(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=160, k=8, epochs=1)
    quick, slow = machine(grid, "quick", trust=500), machine(grid, "slow", trust=500)
    late = slow.lease()
    while grid.row(project).round == 0:
        quick.deliver(quick.lease())
        grid.rounds()
    assert len(late.mini_batches) > 1
    assert slow.deliver(late, count=1).verdict == "unneeded"


def test_a_liar_among_strangers_is_found_and_gets_no_more_work(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=80, k=4, epochs=4)
    honest = [machine(grid, f"host {n}") for n in range(4)]
    liar = machine(grid, "liar")
    told = 0
    for _ in range(300):
        try:
            reply = liar.ask()
        except HostQuarantined:
            reply = NoWork(0.0, "")
        leases = [(host, lease) for host in honest if isinstance(lease := host.ask(), Lease)]
        grid.wait(1)
        if isinstance(reply, Lease):
            blob = grid.honest(reply)
            blob.gradient[:] *= -1
            liar.upload(reply.result, blob)
            told += 1
        for host, lease in leases:
            host.deliver(lease)
        while grid.rounds() + grid.audits() + grid.transitions():
            pass
        if grid.row(project).state is ProjectState.finished:
            break
    assert grid.row(project).state is ProjectState.finished
    assert Host.get_by_id(liar.id).quarantined_at is not None
    assert told <= 10
    assert not [host for host in honest if Host.get_by_id(host.id).quarantined_at]
    assert_right_to_the_number(grid, project, 4)


def test_a_grid_that_is_killed_again_and_again_loses_and_counts_nothing_twice(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=80, k=3, epochs=2)
    hosts = [machine(grid, f"host {n}") for n in range(3)]
    for _ in range(60):
        if grid.row(project).state is ProjectState.finished:
            break
        leases = [(host, reply) for host in hosts if isinstance(reply := host.ask(), Lease)]
        grid.restart()
        for host, lease in leases[1:]:
            host.deliver(lease)
        grid.validator.run_pass(grid.now)
        grid.restart()
        grid.rounds()
        grid.seeking.run_pass(grid.now)
        grid.restart()
        grid.audits()
    train(grid, project, hosts)
    assert_right_to_the_number(grid, project, 2)
