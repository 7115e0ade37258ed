"""People who want no credit, only harm: projects stopped, honest machines put out, the server kept busy."""


import pytest

from server.rules.quorum import MOST_OPINIONS
from server.rules.states import AuditState, ProjectState, Purpose, ResultState
from server.rules.validation_policy import ValidationPolicy
from tests.support.domain_grid import DomainGrid
from tests.support.judging import deliver, flipped, host_of_its_own, judge, noise, row, speak, unit_of
from volunteer.protocol.messages import GiveBack, GiveBackReason

POLICY = ValidationPolicy(quorum=2, trust_after=10, least_check=0.0, audit_share=0.0, unproven_share=1.0)


@pytest.fixture
def policy() -> ValidationPolicy:
    return POLICY


def test_one_machine_that_asks_again_and_again_stops_no_project(grid: DomainGrid) -> None:
    project = grid.project(grid.person("owner"))
    steady, griefer = host_of_its_own(grid, "steady", trust=20), host_of_its_own(grid, "griefer")
    first = griefer.lease().mini_batches
    for _ in range(25):
        griefer.lease()
        grid.wait(0.1)
    grid.wait(0.1)
    result = griefer.lease().result
    grid.reports.give_back(griefer.row, result, GiveBack(GiveBackReason.quitting, ""), grid.now)
    grid.transitions()
    assert grid.row(project).state is ProjectState.running, grid.row(project).reason
    assert steady.lease().mini_batches == first


def test_the_machines_of_one_volunteer_that_fail_stop_no_project(grid: DomainGrid) -> None:
    project = grid.project(grid.person("owner"))
    host_of_its_own(grid, "steady", trust=20)
    person = grid.person("griefer")
    machines = [grid.host(person, f"machine {n}") for n in range(7)]
    for machine in machines:
        lease = machine.lease()
        grid.reports.give_back(machine.row, lease.result, GiveBack(GiveBackReason.failed, "oh"), grid.now)
        grid.transitions()
    assert grid.row(project).state is ProjectState.running, grid.row(project).reason


def test_a_trusted_host_is_not_outvoted_by_hosts_without_trust(grid: DomainGrid) -> None:
    grid.project(grid.person("owner"), examples=80, k=6)
    steady, *pair = (host_of_its_own(grid, name, trust) for name, trust in (("steady", 20), ("a", 0), ("b", 0)))
    number = deliver(grid, steady)
    judge(grid)
    unit = unit_of(grid, number)
    for liar in pair:
        speak(grid, liar, unit.id, flipped)
        judge(grid)
    assert row(grid, number).state is ResultState.held
    assert grid.stores.work.unit(unit.id).audit is AuditState.wanted
    liars = [one.id for one in grid.stores.opinions.of(unit.id) if one.id != number]
    speak(grid, host_of_its_own(grid, "referee", awake=False), unit.id, purpose=Purpose.audit)
    judge(grid)
    assert row(grid, number).state is ResultState.valid
    assert [row(grid, liar).state for liar in liars] == [ResultState.invalid] * 2


def test_opinions_beyond_the_most_are_not_heard(grid: DomainGrid) -> None:
    grid.project(grid.person("owner"))
    first = deliver(grid, host_of_its_own(grid, "first"), noise(1))
    unit = unit_of(grid, first)
    for n in range(12):
        speak(grid, host_of_its_own(grid, f"sybil {n}"), unit.id, noise(n + 2))
    judge(grid)
    assert len(grid.stores.opinions.of(unit.id)) == MOST_OPINIONS
    assert grid.stores.work.unit(unit.id).audit is AuditState.wanted


def test_who_detaches_after_an_error_and_comes_again_has_the_same_record(grid: DomainGrid) -> None:
    grid.project(grid.person("owner"), examples=400, k=50)
    person = grid.person("launderer")
    steady = host_of_its_own(grid, "steady", trust=20)
    other = host_of_its_own(grid, "other", trust=20)
    for n in range(2):
        liar = grid.host(person, f"machine {n}")
        number = deliver(grid, liar, flipped)
        judge(grid)
        for honest in (steady, other):
            if row(grid, number).state is ResultState.held:
                speak(grid, honest, unit_of(grid, number).id)
                judge(grid)
        assert row(grid, number).state is ResultState.invalid
        if n == 0:
            grid.hosts.detach(person, liar.id, grid.now)
    assert liar.row.quarantined_at is not None


def test_the_machines_of_one_volunteer_are_not_nearly_all_that_a_project_has(grid: DomainGrid) -> None:
    project = grid.project(grid.person("owner"), examples=400, k=50)
    referee, person = host_of_its_own(grid, "referee", awake=False), grid.person("liar")
    steady = host_of_its_own(grid, "steady", trust=20)
    assert steady.lease()
    for n in range(3):
        liar = grid.host(person, f"machine {n}")
        number = deliver(grid, liar, flipped)
        judge(grid)
        speak(grid, referee, unit_of(grid, number).id, purpose=Purpose.audit)
        judge(grid)
        assert row(grid, number).state is ResultState.invalid
        assert liar.row.refuted == 1
    assert grid.row(project).state is ProjectState.running


def test_who_is_found_wrong_once_has_its_last_results_looked_at(grid: DomainGrid) -> None:
    grid.project(grid.person("owner"), examples=400, k=50)
    liar, *others = (host_of_its_own(grid, name, trust=10**6) for name in ("liar", "steady", "other"))
    numbers = [deliver(grid, liar, flipped) for _ in range(3)]
    judge(grid)
    assert [row(grid, number).state for number in numbers] == [ResultState.valid] * 3
    for other in others:
        speak(grid, other, unit_of(grid, numbers[0]).id)
        judge(grid)
    assert liar.row.refuted == 1
    assert all(unit_of(grid, number).seeks for number in numbers[1:])
    for other in others:
        speak(grid, other, unit_of(grid, numbers[1]).id)
        judge(grid)
    assert liar.row.quarantined_at is not None
    assert grid.audit.findings(grid.now) == []
