
import pytest

from server.domain.blob_collector import GRADIENT_ROUNDS
from server.domain.seeking import CHECK_PATIENCE, KEPT, PATIENCE, SLOW
from server.rules.retries import MAX_UNIT_FAILURES
from server.rules.states import AuditState, ProjectState, ResultState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Host, Project, Unit
from tests.support.checking import POLICY, count, hold, machine, next_round, row
from tests.support.domain_grid import DomainGrid


@pytest.fixture
def policy() -> ValidationPolicy:
    return POLICY


def audit_of(unit: Unit) -> AuditState:
    return AuditState(Unit.get_by_id(unit.id).audit)


def test_a_referee_is_asked_where_nobody_of_another_volunteer_is_awake(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=200, k=20)
    first = machine(grid, "first")
    machine(grid, "twin", account=first.row.account_id)
    unit = hold(grid, first, first.lease())
    assert grid.views.view(owner, project, grid.now).summary.status.startswith("Waiting for a second opinion on 1 ")
    grid.rings.clear()
    assert grid.seeking.run_pass(grid.now) == 1
    assert grid.rings == ["audits", "rounds"]
    assert audit_of(unit) is AuditState.wanted
    assert grid.seeking.run_pass(grid.now) == 0


def test_no_referee_is_asked_while_somebody_could_and_no_round_has_waited_long(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first, other = machine(grid, "first"), machine(grid, "other")
    unit = hold(grid, first, first.lease())
    assert grid.seeking.run_pass(grid.now) == 0
    grid.wait(PATIENCE.total_seconds() + 1)
    Host.update(last_seen_at=grid.now).where(Host.id == other.id).execute()
    assert grid.seeking.run_pass(grid.now) == 1
    assert audit_of(unit) is AuditState.wanted


def test_a_drawn_check_that_nobody_comes_for_is_left_to_a_referee_before_it_is_too_late(
    grid: DomainGrid, owner: int
) -> None:
    grid.project(owner, examples=200, k=20)
    first, other = machine(grid, "first", trust=10), machine(grid, "other")
    counted = count(grid, first, first.lease())
    grid.stores.opinions.want(counted, 2)
    grid.wait(PATIENCE.total_seconds() + 1)
    Host.update(last_seen_at=grid.now).where(Host.id == other.id).execute()
    assert grid.seeking.run_pass(grid.now) == 0
    grid.wait(CHECK_PATIENCE.total_seconds() - PATIENCE.total_seconds())
    Host.update(last_seen_at=grid.now).where(Host.id == other.id).execute()
    assert grid.seeking.run_pass(grid.now) == 1
    assert audit_of(counted) is AuditState.wanted


def test_nobody_is_asked_while_the_opinion_is_being_computed(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first, other = machine(grid, "first"), machine(grid, "other")
    unit = hold(grid, first, first.lease())
    assert row(other.lease()).unit_id == unit.id
    Host.update(last_seen_at=None).where(Host.id == other.id).execute()
    assert grid.seeking.run_pass(grid.now) == 0
    grid.wait(SLOW.total_seconds() + 1)
    assert grid.seeking.run_pass(grid.now) == 1, "but not for as long as a lease may last"
    assert audit_of(unit) is AuditState.wanted
    assert grid.seeking.run_pass(grid.now) == 0


@pytest.mark.parametrize("reason", ["too little memory", "quarantine", "numeric class", "fails"])
def test_hosts_that_cannot_give_an_opinion_are_not_waited_for(grid: DomainGrid, owner: int, reason: str) -> None:
    project = grid.project(owner, examples=200, k=20)
    first, other = machine(grid, "first"), machine(grid, "other")
    unit = hold(grid, first, first.lease())
    of_other = Host.id == other.id
    if reason == "too little memory":
        Host.update(memory=1).where(of_other).execute()
    elif reason == "quarantine":
        Host.update(quarantined_at=grid.now).where(of_other).execute()
    elif reason == "numeric class":
        Host.update(numeric_class="another").where(of_other).execute()
        Project.update(homogeneous=True).where(Project.id == project).execute()
    else:
        Unit.update(failures=MAX_UNIT_FAILURES).where(Unit.id == unit.id).execute()
    assert grid.seeking.run_pass(grid.now) == 1
    assert audit_of(unit) is AuditState.wanted


def test_what_no_check_can_use_any_more_is_given_up(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=200, k=20)
    first, other = machine(grid, "first", trust=10), machine(grid, "other")
    counted = count(grid, first, first.lease())
    Unit.update(audit=AuditState.wanted).where(Unit.id == counted.id).execute()
    lease = other.lease()
    held = hold(grid, other, lease)
    next_round(grid, project, GRADIENT_ROUNDS + 1)
    assert grid.seeking.run_pass(grid.now) == 0, "quick rounds are no reason to give up"
    check = machine(grid, "third").lease()
    grid.wait(KEPT.total_seconds() + 1)
    assert grid.seeking.run_pass(grid.now) == 2
    grid.validator.run_pass(grid.now)
    assert not Unit.get_by_id(counted.id).seeks
    assert not Unit.get_by_id(held.id).seeks
    assert audit_of(counted) is AuditState.impossible
    assert row(lease).state is ResultState.unneeded
    assert row(check).state is ResultState.cancelled
    assert grid.seeking.run_pass(grid.now) == 0


def test_opinions_on_a_cancelled_project_are_given_up_at_once(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=200, k=20)
    first = machine(grid, "first")
    lease = first.lease()
    hold(grid, first, lease)
    Project.update(state=ProjectState.cancelled).where(Project.id == project).execute()
    assert grid.seeking.run_pass(grid.now) == 1
    grid.validator.run_pass(grid.now)
    assert row(lease).state is ResultState.unneeded


def test_weights_and_gradients_that_a_check_needs_are_kept(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=200, k=20)
    first = machine(grid, "first", trust=10)
    next_round(grid, project)
    unit = count(grid, first, first.lease())
    next_round(grid, project, GRADIENT_ROUNDS + 1)
    grid.collector.run_pass(grid.now)
    digest = row_of(grid, unit)
    checkpoint = grid.stores.checkpoints.get(project, 1)
    assert checkpoint is not None
    assert checkpoint.weights_sha256
    assert grid.stores.blobs.has(digest)
    Unit.update(seeks=False).execute()
    grid.collector.run_pass(grid.now)
    checkpoint = grid.stores.checkpoints.get(project, 1)
    assert checkpoint is not None
    assert not checkpoint.weights_sha256
    assert not grid.stores.blobs.has(digest)


def row_of(grid: DomainGrid, unit: Unit) -> str:
    result = grid.stores.work.result(Unit.get_by_id(unit.id).canonical)
    assert result is not None
    return str(result.digest)
