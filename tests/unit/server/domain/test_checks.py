"""Who is given another opinion to compute, and when. What becomes of it is the judge's."""


import pytest

from server.domain.checks import URGENT_ROUNDS
from server.errors import HostQuarantined, ResultEnded, StaleResult
from server.rules.second_opinions import HARDLY_PATIENT
from server.rules.states import AuditState, Purpose, ResultState, RoundState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Account, Host, Project, Round, Unit
from tests.support.checking import POLICY, count, hold, machine, next_round, row
from tests.support.domain_grid import DomainGrid
from volunteer.protocol.messages import GiveBack, GiveBackReason, Heartbeat, Lease, NoWork


@pytest.fixture
def policy() -> ValidationPolicy:
    return POLICY


def test_a_unit_that_waits_for_an_opinion_goes_to_a_host_of_another_volunteer(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=200, k=20)
    first = machine(grid, "first")
    twin = machine(grid, "twin", account=first.row.account_id)
    lease = first.lease()
    unit = hold(grid, first, lease)
    for own in (first, twin):
        assert row(own.lease()).unit_id != unit.id
    check = row(machine(grid, "other").lease())
    assert (check.unit_id, check.purpose, check.unproven) == (unit.id, Purpose.check, True)
    assert row(machine(grid, "third").lease()).purpose is Purpose.work


def test_opinions_that_are_lost_are_asked_for_again(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first, ghost, other = machine(grid, "first"), machine(grid, "ghost"), machine(grid, "other")
    unit = hold(grid, first, first.lease())
    assert row(ghost.lease()).unit_id == unit.id
    grid.wait(20)
    grid.transitions()
    assert row(other.lease()).unit_id == unit.id


def test_who_has_failed_at_a_check_is_not_asked_again(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first, other = machine(grid, "first"), machine(grid, "other")
    unit = hold(grid, first, first.lease())
    lease = other.lease()
    grid.reports.give_back(other.row, lease.result, GiveBack(GiveBackReason.failed, "no such kernel"), grid.now)
    assert row(other.lease()).unit_id != unit.id


def test_a_host_without_trust_leaves_a_check_to_one_with_trust_for_a_while(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=200, k=20)
    first, other, trusted = machine(grid, "first"), machine(grid, "other"), machine(grid, "trusted", trust=10)
    later = machine(grid, "later")
    unit = hold(grid, first, first.lease())
    assert row(other.lease()).unit_id != unit.id
    lease = trusted.lease()
    assert (row(lease).unit_id, row(lease).purpose, row(lease).unproven) == (unit.id, Purpose.check, False)
    grid.reports.give_back(trusted.row, lease.result, GiveBack(GiveBackReason.quitting), grid.now)
    grid.wait(HARDLY_PATIENT.total_seconds() + 1)
    Host.update(last_seen_at=grid.now).execute()
    assert row(later.lease()).unit_id == unit.id


def test_trust_is_the_hosts_and_the_accounts(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    newcomer = machine(grid, "newcomer")
    Account.update(trust=99).where(Account.id == newcomer.row.account_id).execute()
    assert row(newcomer.lease()).unproven
    assert not row(machine(grid, "old hand", trust=10).lease()).unproven


def test_the_check_of_what_has_counted_comes_when_the_round_has_enough(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=40, k=3)
    first, second, third = (machine(grid, name, trust=10) for name in ("first", "second", "third"))
    unit = count(grid, first, first.lease())
    assert unit.size < 3
    leases = [second.lease()]
    while sum(len(lease.mini_batches) for lease in leases) + unit.size < 3:
        leases.append(machine(grid, f"more {len(leases)}", trust=10).lease())
    assert {row(lease).purpose for lease in leases} == {Purpose.work}
    check = row(third.lease())
    assert (check.unit_id, check.purpose) == (unit.id, Purpose.check)


@pytest.mark.parametrize("is_old", [True, False])
def test_an_old_check_goes_before_fresh_work(grid: DomainGrid, owner: int, is_old: bool) -> None:
    project = grid.project(owner, examples=200, k=20)
    first, second = machine(grid, "first", trust=10), machine(grid, "second", trust=10)
    unit = count(grid, first, first.lease())
    if is_old:
        grid.wait(HARDLY_PATIENT.total_seconds() + 1)
    else:
        next_round(grid, project, URGENT_ROUNDS - 1)
        assert row(second.lease()).unit_id != unit.id
        next_round(grid, project)
    assert row(second.lease()).unit_id == unit.id


def test_a_check_of_a_closed_round_names_that_rounds_weights_and_is_taken(
    grid: DomainGrid, owner: int
) -> None:
    project = grid.project(owner, examples=200, k=20)
    first, second = machine(grid, "first", trust=10), machine(grid, "second", trust=10)
    unit = count(grid, first, first.lease())
    late = machine(grid, "late", trust=10)
    stale = late.lease()
    checkpoint = grid.stores.checkpoints.get(project, 0)
    assert checkpoint is not None
    next_round(grid, project)
    grid.wait(HARDLY_PATIENT.total_seconds() + 1)
    lease = second.lease()
    assert (lease.round, lease.weights.sha256) == (0, checkpoint.weights_sha256)
    assert grid.host_blobs.open_for_host(second.row, lease.weights.sha256, grid.now).is_file()
    assert grid.reports.heartbeat(second.row, lease.result, Heartbeat(0), grid.now).go_on
    assert second.deliver(lease).verdict == "pending"
    assert row(lease).state is ResultState.reported
    assert row(lease).unit_id == unit.id
    next_round(grid, project, 6)
    with pytest.raises(StaleResult):
        late.deliver(stale)


def test_a_check_that_is_not_sought_any_more_is_told_to_stop(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=200, k=20)
    first, second = machine(grid, "first", trust=10), machine(grid, "second", trust=10)
    unit = count(grid, first, first.lease())
    next_round(grid, project)
    grid.wait(HARDLY_PATIENT.total_seconds() + 1)
    lease = second.lease()
    Unit.update(seeks=False).where(Unit.id == unit.id).execute()
    assert not grid.reports.heartbeat(second.row, lease.result, Heartbeat(0), grid.now).go_on
    assert second.deliver(lease).verdict == "pending", "what was finished all the same is heard"


def test_checks_are_given_while_a_round_closes_and_when_a_project_is_over(
    grid: DomainGrid, owner: int
) -> None:
    project = grid.project(owner, examples=40, k=10, epochs=1)
    first, second = machine(grid, "first", trust=10), machine(grid, "second", trust=10)
    unit = count(grid, first, first.lease())
    Round.update(state=RoundState.closing).execute()
    lease = second.lease()
    assert row(lease).unit_id == unit.id
    grid.reports.give_back(second.row, lease.result, GiveBack(GiveBackReason.quitting), grid.now)
    Project.update(state="finished").where(Project.id == project).execute()
    assert grid.dispatch.worth_asking()
    lease = second.lease()
    assert row(lease).unit_id == unit.id
    assert grid.reports.heartbeat(second.row, lease.result, Heartbeat(0), grid.now).go_on
    assert second.deliver(lease).verdict == "pending"
    reply = second.ask()
    assert isinstance(reply, NoWork)


def test_an_opinion_covers_the_whole_unit(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first, second = machine(grid, "first"), machine(grid, "second")
    Host.update(speed=1e12).execute()
    unit = hold(grid, first, first.lease())
    assert unit.size > 1
    reply = second.deliver(second.lease(), count=1)
    assert reply.verdict == "unneeded"
    assert grid.stores.work.unit(unit.id).size == unit.size


def test_a_result_that_waits_for_others_is_pending_and_may_come_again(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=200, k=20)
    first = machine(grid, "first")
    lease = first.lease()
    hold(grid, first, lease)
    assert first.deliver(lease).verdict == "pending"
    with pytest.raises(ResultEnded):
        first.deliver(lease, seconds=2.0)


def test_two_late_results_of_one_volunteer_are_one_opinion(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first = machine(grid, "first")
    twin = machine(grid, "twin", account=first.row.account_id)
    lost = twin.lease()
    grid.wait(20)
    grid.transitions()
    Host.update(last_seen_at=grid.now).execute()
    lease = first.lease()
    assert row(lease).unit_id == row(lost).unit_id
    hold(grid, first, lease)
    assert twin.deliver(lost).verdict == "unneeded"


def test_hosts_of_other_numeric_classes_are_kept_apart_where_a_project_needs_it(
    grid: DomainGrid, owner: int
) -> None:
    project = grid.project(owner, examples=200, k=20)
    Project.update(homogeneous=True).where(Project.id == project).execute()
    first, alike, other = machine(grid, "first"), machine(grid, "alike"), machine(grid, "other")
    unit = hold(grid, first, first.lease())
    Host.update(numeric_class="another").where(Host.id == other.id).execute()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid.stores.hosts.__class__, "describe", lambda *_: None)
        assert row(other.lease()).unit_id != unit.id
        assert row(alike.lease()).unit_id == unit.id


def test_hosts_without_trust_fill_their_share_of_a_round_and_no_more(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=200, k=8)
    crowd = [machine(grid, f"newcomer {n}") for n in range(12)]
    trusted = machine(grid, "trusted", trust=10)
    leases = [reply for host in crowd if isinstance(reply := host.ask(), Lease)]
    assert sum(len(lease.mini_batches) for lease in leases) == 4
    assert row(trusted.lease()).purpose is Purpose.work


def test_where_nobody_has_trust_yet_newcomers_fill_it_all(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=8)
    crowd = [machine(grid, f"newcomer {n}") for n in range(12)]
    assert sum(len(host.lease().mini_batches) for host in crowd) >= 8


def test_a_host_in_quarantine_is_told_why_when_it_asks_and_may_still_deliver(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=200, k=20)
    liar = machine(grid, "liar")
    lease = liar.lease()
    Host.update(quarantined_at=grid.now, quarantine_reason="Three results were wrong.").where(
        Host.id == liar.id
    ).execute()
    with pytest.raises(HostQuarantined, match="Three results were wrong"):
        liar.ask()
    assert grid.reports.heartbeat(liar.row, lease.result, Heartbeat(0), grid.now).go_on
    assert liar.deliver(lease).verdict == "pending"


def test_a_host_in_quarantine_is_nobody_to_wait_for(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first, other, trusted = machine(grid, "first"), machine(grid, "other"), machine(grid, "trusted", trust=10)
    Host.update(quarantined_at=grid.now).where(Host.id == trusted.id).execute()
    unit = hold(grid, first, first.lease())
    assert row(other.lease()).unit_id == unit.id


def test_a_referee_gets_what_is_to_be_audited_first_and_nobody_else_does(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=200, k=20)
    first, other = machine(grid, "first", trust=10), machine(grid, "other", trust=10)
    referee = machine(grid, "referee", account=first.row.account_id, referee=True)
    unit = count(grid, first, first.lease(), seeks=False)
    Unit.update(audit=AuditState.wanted).where(Unit.id == unit.id).execute()
    grid.wait(HARDLY_PATIENT.total_seconds() + 1)
    assert row(other.lease()).unit_id != unit.id
    lease = referee.lease()
    assert (row(lease).unit_id, row(lease).purpose) == (unit.id, Purpose.audit)
    assert row(machine(grid, "colleague", referee=True).lease()).unit_id != unit.id
    assert referee.deliver(lease).verdict == "pending"


def test_at_the_end_of_an_epoch_nobody_helps_a_machine_of_the_same_volunteer(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=4, k=1)
    slow = machine(grid, "slow", trust=10)
    twin, other = machine(grid, "twin", trust=10, account=slow.row.account_id), machine(grid, "other", trust=10)
    lease = slow.lease()
    assert isinstance(twin.ask(), NoWork)
    assert row(other.lease()).unit_id == row(lease).unit_id


def test_who_asks_for_other_work_instead_of_a_check_is_not_asked_for_it_again(grid: DomainGrid, owner: int) -> None:
    """Else it could hold every check up for as long as it likes."""
    grid.project(owner, examples=160, k=40)
    first, idler = machine(grid, "first"), machine(grid, "idler")
    unit = hold(grid, first, first.lease())
    assert row(idler.lease()).unit_id == unit.id
    again = idler.ask()
    assert not isinstance(again, Lease) or row(again).unit_id != unit.id
    grid.seeking.run_pass(grid.now)
    assert Unit.get_by_id(unit.id).audit is AuditState.wanted
