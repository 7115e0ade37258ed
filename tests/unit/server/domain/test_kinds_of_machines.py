"""Projects in which only machines of one kind can be compared: how they become that, and who judges there."""

from dataclasses import replace

import pytest

from server.domain.auditor import Auditor
from server.errors import NotAllowedNow, NotFound
from server.rules.states import AuditState, ProjectState, Purpose, ResultState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import CreditEntry, Host, Project, Unit
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.judging import (
    TRUSTED,
    Change,
    deliver,
    doubled,
    flipped,
    honest,
    host_of_its_own,
    judge,
    row,
    speak,
    unit_of,
    units,
)


@pytest.fixture
def policy() -> ValidationPolicy:
    return ValidationPolicy(quorum=2, least_check=0.0)


@pytest.fixture
def project(grid: DomainGrid, owner: int) -> int:
    return grid.project(owner, examples=80, k=6)


def of_kind(grid: DomainGrid, kind: str, name: str, trust: int = 0) -> Cast:
    host = host_of_its_own(grid, name, trust)
    Host.update(numeric_class=kind).where(Host.id == host.id).execute()
    return host


def server_says(grid: DomainGrid, unit: int, change: Change, kind: str) -> None:
    """As if its learner had recomputed the unit."""
    with grid.stores.database.write():
        host = grid.stores.hosts.the_grid(grid.now, kind)
    speak(grid, Cast(grid, host.id), unit, change, Purpose.audit)
    judge(grid)


def three_of_one_kind_against_the_server(grid: DomainGrid, trust: int, change: Change = honest) -> list[Cast]:
    """All three compute a unit, and the server's own numbers are others."""
    hosts = [of_kind(grid, "amd", f"amd {number}", trust) for number in range(3)]
    unit = unit_of(grid, deliver(grid, hosts[0], change))
    for host in hosts[1:]:
        speak(grid, host, unit.id, change)
    server_says(grid, unit.id, flipped, "intel")
    return hosts


def test_where_only_kinds_of_machines_disagree_the_project_compares_one_kind_from_then_on(
    grid: DomainGrid, project: int
) -> None:
    hosts = three_of_one_kind_against_the_server(grid, TRUSTED)
    assert grid.row(project).homogeneous
    assert grid.row(project).state is ProjectState.running
    assert "machines of one kind" in grid.stores.projects.events(project)[0].sentence
    assert {(host.row.refuted, host.row.trust, host.row.quarantined_at) for host in hosts} == {(0, TRUSTED, None)}
    assert grid.audit.findings(grid.now) == []


def test_fresh_accounts_that_agree_cannot_get_rid_of_the_referees_by_saying_that_they_are_another_kind(
    grid: DomainGrid, project: int
) -> None:
    three_of_one_kind_against_the_server(grid, 0)
    assert not grid.row(project).homogeneous
    assert grid.row(project).state is ProjectState.needs_attention
    assert "on the project's page" in grid.row(project).reason


def test_hosts_of_one_kind_that_do_not_agree_are_no_kind(grid: DomainGrid, project: int) -> None:
    hosts = [of_kind(grid, "amd", f"amd {number}", TRUSTED) for number in range(3)]
    unit = unit_of(grid, deliver(grid, hosts[0]))
    speak(grid, hosts[1], unit.id, doubled)
    speak(grid, hosts[2], unit.id)
    server_says(grid, unit.id, flipped, "intel")
    assert not grid.row(project).homogeneous


def test_what_others_of_another_kind_had_said_before_is_not_compared(grid: DomainGrid, project: int) -> None:
    first, other, third = (of_kind(grid, kind, f"{kind} {n}") for n, kind in enumerate(("amd", "intel", "amd")))
    result = deliver(grid, first)
    judge(grid)
    unit = unit_of(grid, result)
    wrong = speak(grid, other, unit.id, flipped)
    judge(grid)
    assert unit_of(grid, result).opinions == 3
    Project.update(homogeneous=True).where(Project.id == project).execute()
    judge(grid)
    speak(grid, third, unit.id)
    judge(grid)
    assert row(grid, result).state is ResultState.valid
    assert row(grid, wrong.id).state is ResultState.unneeded, "nobody is blamed"
    assert (other.row.refuted, other.row.disagreed) == (0, 0)
    assert CreditEntry.select().count() == 2
    assert grid.audit.findings(grid.now) == []


def test_a_referee_of_another_kind_has_nothing_to_say(grid: DomainGrid, project: int) -> None:
    first = of_kind(grid, "amd", "first", TRUSTED)
    result = deliver(grid, first)
    judge(grid)
    Project.update(homogeneous=True).where(Project.id == project).execute()
    unit = unit_of(grid, result)
    Unit.update(audit=AuditState.wanted).where(Unit.id == unit.id).execute()
    server_says(grid, unit.id, flipped, "intel")
    assert row(grid, result).state is ResultState.valid
    assert unit_of(grid, result).audit is AuditState.wanted, "by one of its kind"
    assert first.row.trust == TRUSTED
    assert grid.audit.findings(grid.now) == []


@pytest.mark.parametrize(("own", "recomputed"), [("amd", 1), ("intel", 0), ("", 0)])
def test_the_server_recomputes_only_for_machines_of_its_own_kind(
    grid: DomainGrid, project: int, own: str, recomputed: int
) -> None:
    Project.update(homogeneous=True).where(Project.id == project).execute()
    deliver(grid, of_kind(grid, "amd", "alone"))
    judge(grid)
    grid.seeking.run_pass(grid.now)
    assert units(grid)[0].audit is AuditState.wanted
    auditor = Auditor(grid.stores, grid.plans, grid.learner, grid.policy, grid.rings.append, own)
    assert auditor.run_pass(grid.now) == recomputed
    judge(grid)
    assert units(grid)[0].state is (UnitState.valid if recomputed else UnitState.open)
    # Another machine of that kind is what it waits for, and enough.
    if not recomputed:
        speak(grid, of_kind(grid, "amd", "another"), units(grid)[0].id)
        judge(grid)
        assert units(grid)[0].state is UnitState.valid


@pytest.mark.parametrize(("own", "drawn"), [("amd", 1), ("intel", 0)])
def test_the_server_draws_audits_only_of_its_own_kind(grid: DomainGrid, owner: int, own: str, drawn: int) -> None:
    policy = replace(grid.policy, audit_share=1.0)
    project = grid.project(owner, examples=80, k=1)
    Project.update(homogeneous=True).where(Project.id == project).execute()
    deliver(grid, of_kind(grid, "amd", "first", TRUSTED))
    grid.rounds()
    assert grid.row(project).round == 1
    auditor = Auditor(grid.stores, grid.plans, grid.learner, policy, grid.rings.append, own)
    auditor.run_pass(grid.now)
    assert len([unit for unit in units(grid) if unit.audit is not AuditState.none]) == drawn


def test_its_owner_says_what_is_compared_and_nobody_else(grid: DomainGrid, owner: int, stranger: int) -> None:
    project = grid.project(owner)
    with pytest.raises(NotFound):
        grid.projects.compare_one_kind(stranger, project, True, grid.now)
    for wanted in (True, True, False):
        grid.projects.compare_one_kind(owner, project, wanted, grid.now)
        assert grid.views.view(owner, project, grid.now).one_kind is wanted
    said = [event.sentence for event in grid.stores.projects.events(project)]
    assert len([sentence for sentence in said if "compared with each other" in sentence]) == 2
    grid.projects.cancel(owner, project, grid.now)
    with pytest.raises(NotAllowedNow):
        grid.projects.compare_one_kind(owner, project, True, grid.now)
