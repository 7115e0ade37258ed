"""People who want no credit, only harm: projects stopped, honest machines put out, the server kept busy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.rules.states import ProjectState
from server.rules.validation_policy import ValidationPolicy
from tests.support.domain_grid import DomainGrid
from tests.support.judging import host_of_its_own
from volunteer.protocol.messages import GiveBack, GiveBackReason

POLICY = ValidationPolicy(quorum=2, trust_after=10, least_check=0.0, audit_share=0.0, unproven_share=1.0)


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[DomainGrid]:
    grid = DomainGrid(tmp_path / "grid", POLICY)
    yield grid
    grid.stores.database.close()


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
