from dataclasses import replace

import pytest

from server.domain import auditor
from server.domain.auditor import AGAIN_AFTER, LEFT_TO_REFEREES, MAX_FAILURES
from server.rules.learning_values import LearnerFailed
from server.rules.states import AuditState, ProjectState, Purpose, ResultState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Account, Host, Project, Result, Unit
from tests.support.checking import POLICY, count, hold, machine, next_round
from tests.support.domain_grid import DomainGrid


@pytest.fixture
def policy() -> ValidationPolicy:
    return POLICY


def want(unit: Unit) -> None:
    Unit.update(audit=AuditState.wanted).where(Unit.id == unit.id).execute()


def audits() -> list[Result]:
    return list(Result.select().where(Result.purpose == Purpose.audit))


def counted(grid: DomainGrid, owner: int) -> tuple[int, list[Unit]]:
    """A project of which twelve units have counted, and their round is over."""
    project = grid.project(owner, examples=200, k=24)
    hosts = [machine(grid, f"host {n}", trust=10) for n in range(12)]
    units = [count(grid, host, host.lease(), seeks=False) for host in hosts]
    next_round(grid, project)
    return project, units


def test_what_a_round_waits_for_is_recomputed_and_filed_as_a_result(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first = machine(grid, "first")
    lease = first.lease()
    unit = hold(grid, first, lease)
    grid.rings.clear()
    assert grid.audits() == 2
    [result] = audits()
    assert (result.state, result.unit_id, result.delivered) == (ResultState.reported, unit.id, unit.size)
    assert result.host_id != first.id
    assert grid.stores.blobs.has(result.gradient_sha256)
    assert grid.rings == ["audits", "rounds", "rounds"]
    assert grid.audits() == 0


def test_the_server_is_a_host_that_nobody_sees(grid: DomainGrid, owner: int) -> None:
    host = grid.stores.hosts.the_grid(grid.now)
    assert grid.stores.hosts.the_grid(grid.now).id == host.id
    assert host.is_referee
    assert host.id not in {one.host for one in grid.stores.checks.awake(grid.now)}
    assert grid.stores.operating.accounts("", 10) == [
        row for row in grid.stores.operating.accounts("", 10) if row.name != "the grid"
    ]
    assert grid.person("the grid") != host.account_id
    assert not Account.get_by_id(host.account_id).is_operator


def test_a_share_of_what_has_counted_is_drawn_when_its_round_is_over(grid: DomainGrid, owner: int) -> None:
    grid.policy = replace(POLICY, audit_share=0.5)
    grid.restart()
    project = grid.project(owner, examples=200, k=24)
    hosts = [machine(grid, f"host {n}", trust=10) for n in range(12)]
    units = [count(grid, host, host.lease(), seeks=False) for host in hosts]
    grid.learner.before_recomputing = _fails
    assert grid.auditor.run_pass(grid.now) == 0
    next_round(grid, project)
    grid.auditor.run_pass(grid.now)
    drawn = {unit.id for unit in Unit.select().where(Unit.audit == AuditState.wanted)}
    assert 0 < len(drawn) < len(units)
    Unit.update(audit=AuditState.none).execute()
    grid.restart()
    grid.auditor.run_pass(grid.now)
    assert {unit.id for unit in Unit.select().where(Unit.audit == AuditState.wanted)} == drawn


def test_all_or_nothing_is_drawn_by_the_share(grid: DomainGrid, owner: int) -> None:
    _, units = counted(grid, owner)
    grid.policy = replace(POLICY, audit_share=0.0)
    grid.restart()
    assert grid.auditor.run_pass(grid.now) == 0
    grid.policy = replace(POLICY, audit_share=1.0)
    grid.restart()
    assert grid.auditor.run_pass(grid.now) >= len(units)


def test_rounds_that_a_project_computes_anew_are_drawn_from_again(grid: DomainGrid, owner: int) -> None:
    grid.policy = replace(POLICY, audit_share=1.0)
    grid.restart()
    project, units = counted(grid, owner)
    next_round(grid, project)
    grid.learner.before_recomputing = _fails
    assert grid.auditor.run_pass(grid.now) == len(units)
    Unit.update(audit=AuditState.none).execute()
    Project.update(round=1).where(Project.id == project).execute()
    assert grid.auditor.run_pass(grid.now) == len(units)


def test_where_all_are_believed_nothing_is_drawn(grid: DomainGrid, owner: int) -> None:
    counted(grid, owner)
    grid.policy = replace(POLICY, quorum=1, audit_share=1.0)
    grid.restart()
    assert grid.auditor.run_pass(grid.now) == 0


def test_what_is_drawn_is_left_to_a_referee_that_is_awake(grid: DomainGrid, owner: int) -> None:
    _, units = counted(grid, owner)
    want(units[0])
    referee = machine(grid, "referee", referee=True)
    assert grid.auditor.run_pass(grid.now) == 0
    Host.update(last_seen_at=None).where(Host.id == referee.id).execute()
    assert grid.auditor.run_pass(grid.now) == 1


def test_what_a_round_waits_for_is_left_to_a_referee_for_a_minute(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first, referee = machine(grid, "first"), machine(grid, "referee", referee=True)
    want(hold(grid, first, first.lease()))
    assert grid.auditor.run_pass(grid.now) == 0
    grid.wait(LEFT_TO_REFEREES.total_seconds() + 1)
    Host.update(last_seen_at=grid.now).where(Host.id == referee.id).execute()
    assert grid.auditor.run_pass(grid.now) == 1


def test_the_learner_rests_between_audits_that_nobody_waits_for(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(auditor.time, "monotonic", lambda: clock[0])

    def takes_a_second() -> None:
        clock[0] += 1.0

    _, units = counted(grid, owner)
    for unit in units[:2]:
        want(unit)
    grid.learner.before_recomputing = takes_a_second
    assert grid.audits() == 1
    clock[0] += auditor.RESTS - 0.5
    assert grid.audits() == 0
    clock[0] += 1.0
    assert grid.audits() == 1


def test_a_learner_that_fails_is_asked_again_and_then_no_more(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor.time, "monotonic", lambda: 0.0)
    _, units = counted(grid, owner)
    want(units[0])
    grid.learner.before_recomputing = _fails
    for _ in range(MAX_FAILURES + 2):
        grid.auditor.run_pass(grid.now)
    assert [result.state for result in audits()] == [ResultState.failed] * MAX_FAILURES
    assert Unit.get_by_id(units[0].id).audit is AuditState.impossible


def test_what_a_round_waits_for_is_tried_again_later(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=200, k=20)
    first = machine(grid, "first")
    want(hold(grid, first, first.lease()))
    grid.learner.before_recomputing = _fails
    for _ in range(MAX_FAILURES + 2):
        grid.auditor.run_pass(grid.now)
    assert [result.state for result in audits()] == [ResultState.failed] * MAX_FAILURES
    grid.learner.before_recomputing = lambda: None
    assert grid.auditor.run_pass(grid.now) == 0
    grid.wait(AGAIN_AFTER.total_seconds() + 1)
    assert grid.auditor.run_pass(grid.now) == 1


def test_what_only_machines_of_one_kind_agree_on_is_not_for_the_server_to_judge(grid: DomainGrid, owner: int) -> None:
    project, units = counted(grid, owner)
    Project.update(homogeneous=True).where(Project.id == project).execute()
    want(units[0])
    grid.policy = replace(POLICY, audit_share=1.0)
    grid.restart()
    assert grid.auditor.run_pass(grid.now) == 0


def test_what_a_stopped_project_wants_keeps_nobody_elses_waiting(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "_LOOKED_AT", 1)
    stopped, units = counted(grid, owner)
    want(units[0])
    Project.update(state=ProjectState.needs_attention).where(Project.id == stopped).execute()
    grid.project(owner, examples=200, k=20, seed=1)
    first = machine(grid, "first")
    want(hold(grid, first, first.lease()))
    assert grid.auditor.run_pass(grid.now) == 1


def test_a_scheduler_that_was_killed_while_it_recomputed_begins_anew(grid: DomainGrid, owner: int) -> None:
    _, units = counted(grid, owner)
    want(units[0])
    grid.learner.before_recomputing = _is_killed
    with pytest.raises(KeyboardInterrupt):
        grid.auditor.run_pass(grid.now)
    assert [result.state for result in audits()] == [ResultState.leased]
    grid.learner.before_recomputing = lambda: None
    grid.restart()
    assert grid.audits() == 1
    assert [result.state for result in audits()] == [ResultState.lost, ResultState.reported]


def test_a_unit_that_is_gone_meanwhile_is_no_trouble(grid: DomainGrid, owner: int) -> None:
    project, units = counted(grid, owner)
    want(units[0])

    def delete() -> None:
        grid.projects.cancel(owner, project, grid.now)
        grid.projects.delete(owner, project, grid.now)
        raise LearnerFailed("No such file.")

    grid.learner.before_recomputing = delete
    assert grid.auditor.run_pass(grid.now) == 0
    assert not audits()
    assert list(grid.stores.blobs.incoming.iterdir()) == []


def _fails() -> None:
    raise LearnerFailed("It died.")


def _is_killed() -> None:
    raise KeyboardInterrupt


def test_the_last_round_of_a_project_is_drawn_from_as_well(grid: DomainGrid, owner: int) -> None:
    project, units = counted(grid, owner)
    policy = replace(POLICY, audit_share=1.0)
    drawing = auditor.Auditor(grid.stores, grid.plans, grid.learner, policy, grid.rings.append)
    grid.wait(3600)
    with grid.stores.database.write():
        grid.stores.projects.move(grid.row(project), ProjectState.finished, ended_at=grid.now)
    grid.wait(1)
    drawing.run_pass(grid.now)
    assert {Unit.get_by_id(unit.id).audit for unit in units} == {AuditState.wanted}
    assert grid.seeking.run_pass(grid.now) == 0
    grid.wait(400)
    grid.seeking.run_pass(grid.now)
    assert {Unit.get_by_id(unit.id).audit for unit in units} == {AuditState.impossible}
