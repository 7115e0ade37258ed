import pytest

from server.domain import dispatch, hosts
from server.errors import HostTooOld
from server.rules.states import ProjectState, ResultState
from server.storage.tables import Host
from tests.support.domain_grid import Cast, DomainGrid
from volunteer.plan.order import epoch_order
from volunteer.protocol.messages import GiveBack, GiveBackReason, Lease, NoWork


def fail(host: Cast, lease: Lease, grid: DomainGrid, reason: GiveBackReason = GiveBackReason.failed) -> None:
    grid.reports.give_back(host.row, lease.result, GiveBack(reason, "no such kernel"), grid.now)


def test_a_lease_says_by_hash_all_that_a_host_must_fetch(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner)
    lease = steady.lease()
    row, plan = grid.row(project), grid.plan(project)
    assert (lease.project, lease.round, lease.epoch) == (str(project), 0, 0)
    assert 1 <= len(lease.mini_batches) <= 3
    shards = {plan.layout.locate(b).shard for b in lease.mini_batches}
    assert {shard.index for shard in lease.shards} == shards
    for blob in (lease.plan, lease.weights, lease.frozen_weights, *(shard.blob for shard in lease.shards)):
        assert blob is not None
        assert grid.stores.blobs.path(blob.sha256).stat().st_size == blob.size
    assert lease.plan.sha256 == row.plan_sha256 == plan.sha256
    assert lease.deadline_seconds >= 30
    assert 1 <= lease.heartbeat_seconds <= 30


def test_mini_batches_of_shards_that_the_host_holds_go_first(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=64, k=2)
    plan = grid.plan(project)
    order = [int(b) for b in epoch_order(plan.seed, 0, plan.layout.mini_batches)]
    sixth = plan.layout.locate(order[6]).shard
    steady.held = [grid.stores.projects.shards(project)[sixth].sha256]
    assert plan.layout.locate(steady.lease().mini_batches[0]).shard == sixth


def test_a_host_with_too_little_memory_gets_nothing_and_the_project_says_why(
    grid: DomainGrid, owner: int, operator: int
) -> None:
    project = grid.project(owner)
    small = grid.host(operator, "small", memory=2**20)
    reply = small.ask()
    assert isinstance(reply, NoWork)
    assert "memory" in reply.reason
    status = grid.views.view(owner, project, grid.now).summary.status
    assert "enough memory" in status
    assert "0.0 GB" in status


def test_a_grid_without_hosts_says_that_it_waits(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner)
    assert grid.views.view(owner, project, grid.now).summary.status.startswith("Waiting for hosts since 2026-03-01 12:")


def test_no_project_is_no_work(grid: DomainGrid, steady: Cast) -> None:
    reply = steady.ask()
    assert isinstance(reply, NoWork)
    assert reply.reason == "No project needs work now."


def test_a_unit_is_at_most_k_divided_by_the_hosts_at_work(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast, ghost: Cast
) -> None:
    grid.project(owner, examples=400, k=12)
    assert [len(host.lease().mini_batches) for host in (steady, slow, ghost)] == [12, 6, 4]


def test_a_unit_aims_at_a_set_time_by_the_hosts_measured_speed(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, examples=400, k=50)
    operations = grid.row(project).operations
    grid.stores.hosts.set_speed(steady.id, operations * 0.7)
    lease = steady.lease()
    assert len(lease.mini_batches) == 7
    assert lease.deadline_seconds == pytest.approx(50.0, abs=0.1)
    assert lease.heartbeat_seconds == pytest.approx(2.5)


def test_a_lease_never_lasts_longer_than_the_projects_limit(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner, report_deadline=40)
    grid.stores.hosts.set_speed(steady.id, grid.row(project).operations / 100)
    assert steady.lease().deadline_seconds == 40


def test_alone_on_the_grid_a_round_goes_beyond_k(grid: DomainGrid, owner: int, operator: int) -> None:
    grid.project(owner, examples=400, k=2)
    machines = [grid.host(operator, f"host {n}") for n in range(10)]
    assert sum(len(host.lease().mini_batches) for host in machines) >= 10


def test_while_other_projects_wait_no_more_than_one_and_a_half_k_are_out(
    grid: DomainGrid, owner: int, stranger: int, operator: int
) -> None:
    projects = [grid.project(owner, examples=400, k=4), grid.project(stranger, examples=400, k=4)]
    machines = [grid.host(operator, f"host {n}") for n in range(20)]
    leases = [reply for host in machines if isinstance(reply := host.ask(), Lease)]
    for project in projects:
        assert sum(len(lease.mini_batches) for lease in leases if lease.project == str(project)) == 6
    reply = machines[-1].ask()
    assert isinstance(reply, NoWork)
    assert reply.reason == "All that is needed now is being computed."


def test_projects_take_turns_by_host_seconds_not_by_units(
    grid: DomainGrid, owner: int, stranger: int, steady: Cast
) -> None:
    long_, short = grid.project(owner, examples=400, k=4), grid.project(stranger, examples=400, k=4)
    spent = {str(long_): 0.0, str(short): 0.0}
    for _ in range(40):
        lease = steady.lease()
        seconds = 9.0 if lease.project == str(long_) else 3.0
        grid.wait(seconds)
        spent[lease.project] += seconds
        steady.deliver(lease)
        grid.rounds()
    assert spent[str(long_)] == pytest.approx(spent[str(short)], rel=0.15)


def test_two_projects_of_one_owner_share_what_one_of_another_gets(
    grid: DomainGrid, owner: int, stranger: int, steady: Cast
) -> None:
    pair = {str(grid.project(owner, examples=800, k=4)), str(grid.project(owner, examples=800, k=4, seed=1))}
    grid.project(stranger, examples=800, k=4, seed=2)
    of_owner = 0
    for _ in range(40):
        lease = steady.lease()
        of_owner += lease.project in pair
        grid.wait(2)
        steady.deliver(lease)
        grid.rounds()
    assert 18 <= of_owner <= 22


def test_who_asks_again_lets_go_of_what_it_held_but_may_still_deliver_it(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    grid.project(owner)
    first = steady.lease()
    second = steady.lease()
    assert second.mini_batches == first.mini_batches
    assert second.result != first.result
    assert grid.stores.work.result(int(first.result)).state is ResultState.lost
    assert steady.deliver(first).verdict == "pending"


def test_a_lost_unit_goes_to_the_next_host_that_asks(grid: DomainGrid, owner: int, ghost: Cast, steady: Cast) -> None:
    grid.project(owner)
    lost = ghost.lease()
    grid.wait(31)
    grid.transitions()
    assert steady.lease().mini_batches == lost.mini_batches


def test_at_the_end_of_an_epoch_idle_hosts_help_with_the_oldest_unit(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast, ghost: Cast
) -> None:
    project = grid.project(owner, examples=8, k=50)
    first = slow.lease()
    assert len(first.mini_batches) == 2
    helping = steady.lease()
    assert helping.mini_batches == first.mini_batches
    assert helping.result != first.result
    assert isinstance(ghost.ask(), NoWork), "two results of a unit at a time are enough"
    steady.deliver(helping)
    grid.rounds()
    assert grid.row(project).round == 1
    assert grid.stores.work.result(int(first.result)).state is ResultState.cancelled


def test_before_the_end_of_an_epoch_nobody_computes_the_same_twice(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast
) -> None:
    grid.project(owner, examples=40, k=4)
    assert not set(slow.lease().mini_batches) & set(steady.lease().mini_batches)


def test_no_host_has_two_live_results_of_one_unit(grid: DomainGrid, owner: int, steady: Cast) -> None:
    grid.project(owner, examples=8, k=50)
    lease = steady.lease()
    steady.deliver(lease)
    assert isinstance(steady.ask(), NoWork), "its own result waits for the verdict"


def test_a_unit_that_waits_for_its_verdict_is_not_computed_again(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast
) -> None:
    grid.project(owner, examples=8, k=50)
    steady.deliver(steady.lease())
    assert isinstance(slow.ask(), NoWork)


def test_a_unit_does_not_go_back_to_the_host_that_failed_at_it_while_others_could_take_it(
    grid: DomainGrid, owner: int, liar: Cast, steady: Cast
) -> None:
    grid.project(owner)
    grid.stores.hosts.saw(steady.id, grid.now)
    failed = liar.lease()
    fail(liar, failed, grid)
    assert not set(liar.lease().mini_batches) & set(failed.mini_batches)
    assert steady.lease().mini_batches == failed.mini_batches


def test_a_unit_goes_back_to_the_only_host_even_though_it_failed(grid: DomainGrid, owner: int, liar: Cast) -> None:
    grid.project(owner)
    failed = liar.lease()
    fail(liar, failed, grid)
    assert liar.lease().mini_batches == failed.mini_batches


def test_a_unit_at_which_every_host_has_failed_is_still_tried_until_it_is_hopeless(
    grid: DomainGrid, owner: int, liar: Cast, steady: Cast
) -> None:
    """Otherwise each would wait for the other for ever."""
    project = grid.project(owner, examples=8, k=50)
    for _ in range(20):
        for host in (liar, steady):
            reply = host.ask()
            if isinstance(reply, Lease):
                fail(host, reply, grid)
        grid.transitions()
        grid.wait(1)
    row = grid.row(project)
    assert row.state is ProjectState.needs_attention
    assert "no such kernel" in row.reason


def test_a_host_that_quits_may_have_the_unit_again(grid: DomainGrid, owner: int, steady: Cast, slow: Cast) -> None:
    grid.project(owner)
    slow.ask()
    lease = steady.lease()
    fail(steady, lease, grid, GiveBackReason.quitting)
    assert steady.lease().mini_batches == lease.mini_batches


def test_a_program_that_is_too_old_is_told_what_to_install(
    grid: DomainGrid, owner: int, steady: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.project(owner)
    monkeypatch.setattr(hosts, "OLDEST_PROTOCOL", 2)
    with pytest.raises(HostTooOld, match=r"version 0\.1\.0; install"):
        steady.ask()


def test_a_paused_project_hands_nothing_out(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project = grid.project(owner)
    grid.projects.pause(owner, project, grid.now)
    assert isinstance(steady.ask(), NoWork)
    grid.projects.resume(owner, project, grid.now)
    assert isinstance(steady.ask(), Lease)


def test_blobs_of_deleted_projects_are_to_be_forgotten(grid: DomainGrid, owner: int, steady: Cast) -> None:
    project, other = grid.project(owner), grid.project(owner, seed=5)
    lease = steady.lease()
    kept = [shard.sha256 for shard in grid.stores.projects.shards(other)]
    steady.held = [*kept, *(shard.blob.sha256 for shard in lease.shards), lease.weights.sha256]
    assert steady.ask().forget == []
    grid.projects.delete(owner, project, grid.now)
    grid.wait(61)
    forget = steady.ask().forget
    assert set(forget) >= {shard.blob.sha256 for shard in lease.shards}
    assert not set(forget) & set(kept)


def test_a_host_that_holds_very_much_is_told_of_all_that_it_may_forget(
    grid: DomainGrid, owner: int, steady: Cast
) -> None:
    """It is not asked about more than a few hundred at a time, but about all of them in turn."""
    kept = [shard.sha256 for shard in grid.stores.projects.shards(grid.project(owner, examples=8))]
    steady.held = [*kept * 3, *(f"{n:064x}" for n in range(3 * dispatch._MAX_FORGET))]
    told: set[str] = set()
    for _ in range(5):
        told |= set(steady.ask().forget)
        grid.wait(61)
    assert told == set(steady.held) - set(kept)


def test_nothing_is_handed_out_while_what_was_reported_would_close_the_round(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast
) -> None:
    """Else every host would compute something in vain just when the next round waits for it."""
    project = grid.project(owner, k=1)
    steady.deliver(steady.lease())
    assert isinstance(slow.ask(), NoWork)
    grid.rounds()
    assert slow.lease().round == grid.row(project).round == 1


def test_work_is_handed_out_again_when_what_was_reported_is_found_worthless(
    grid: DomainGrid, owner: int, steady: Cast, slow: Cast
) -> None:
    grid.project(owner, k=1)
    lease = steady.lease()
    blob = grid.honest(lease)
    blob.gradient[0] = float("nan")
    steady.upload(lease.result, blob)
    assert isinstance(slow.ask(), NoWork)
    grid.validator.run_pass(grid.now)
    assert slow.lease().round == 0


def test_help_that_would_come_no_sooner_is_not_asked_for(
    grid: DomainGrid, owner: int, slow: Cast, steady: Cast, ghost: Cast
) -> None:
    project = grid.project(owner, examples=8, k=50)
    operations = grid.row(project).operations
    # Two mini-batches take the first ten seconds, the second as long, the third one.
    for host, seconds in ((slow, 5.0), (steady, 5.0), (ghost, 0.5)):
        Host.update(speed=operations / seconds).where(Host.id == host.id).execute()
    first = slow.lease()
    assert len(first.mini_batches) == 2
    grid.wait(2)
    assert isinstance(steady.ask(), NoWork)
    assert ghost.lease().mini_batches == first.mini_batches
    grid.wait(9)
    assert isinstance(steady.ask(), NoWork), "two results of a unit at a time are enough"


def test_a_host_that_is_overdue_is_helped_by_any(grid: DomainGrid, owner: int, slow: Cast, steady: Cast) -> None:
    project = grid.project(owner, examples=8, k=50)
    operations = grid.row(project).operations
    Host.update(speed=operations / 5.0).execute()
    first = slow.lease()
    grid.wait(16)
    assert steady.lease().mini_batches == first.mini_batches
