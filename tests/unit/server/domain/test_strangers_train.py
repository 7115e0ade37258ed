"""Whole trainings among strangers: every host asks, some lie, and the weights must come out as if none had."""

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from server.errors import HostQuarantined, ResultEnded, StaleResult
from server.rules.states import ProjectState, ResultState, UnitState
from server.rules.validation_policy import ValidationPolicy
from server.storage.tables import Host, Result, Unit
from tests.support.domain_grid import DomainGrid
from tests.support.judging import Change, flipped, honest, host_of_its_own, noise
from volunteer.protocol.messages import Lease
from volunteer.protocol.tensors import load

POLICY = ValidationPolicy(quorum=2, trust_after=3, least_check=0.1, audit_share=0.1, unproven_share=0.5)


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[DomainGrid]:
    grid = DomainGrid(tmp_path / "grid", POLICY)
    grid.stores.facts.set("check_secret", "5a" * 32)
    grid.restart()
    yield grid
    grid.stores.database.close()


class Crowd:
    """Hosts that work in a random order, each in its own way, until the project is over."""

    def __init__(self, grid: DomainGrid, ways: dict[str, Change], seed: int = 1) -> None:
        self.grid = grid
        self.hosts = {name: host_of_its_own(grid, name) for name in ways}
        self.ways = ways
        self.random = random.Random(seed)
        self.held: dict[str, Lease] = {}

    def work(self, project: int, most: int = 3000, between: Callable[[], None] = lambda: None) -> None:
        for _ in range(most):
            if self.grid.row(project).state is not ProjectState.running:
                return
            self.step(self.random.choice(list(self.hosts)))
            between()
        raise AssertionError(f"not finished: round {self.grid.row(project).round}")

    def step(self, name: str) -> None:
        grid = self.grid
        lease = self.held.pop(name, None)
        if lease is not None:
            blob = grid.honest(lease)
            self.ways[name](blob)
            with contextlib.suppress(StaleResult, ResultEnded):
                self.hosts[name].upload(lease.result, blob)
        else:
            with contextlib.suppress(HostQuarantined):
                reply = self.hosts[name].ask()
                if isinstance(reply, Lease):
                    self.held[name] = reply
        grid.wait(0.5)
        grid.rounds()
        grid.seeking.run_pass(grid.now)
        grid.auditor.run_pass(grid.now)
        grid.transitions()

    def quarantined(self) -> set[str]:
        return {name for name, host in self.hosts.items() if host.row.quarantined_at is not None}


def final_weights(grid: DomainGrid, project: int) -> np.ndarray:  # type: ignore[type-arg]
    checkpoint = grid.stores.checkpoints.latest(project)
    assert checkpoint is not None
    return load(grid.stores.blobs.path(checkpoint.weights_sha256))[0]["trainable"]


HONEST = {f"honest {number}": honest for number in range(4)}


@pytest.mark.long
def test_honest_strangers_train_and_are_all_trusted_in_the_end(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=100, k=5, epochs=3)
    crowd = Crowd(grid, HONEST)
    crowd.work(project)
    np.testing.assert_array_equal(final_weights(grid, project), np.full(25, 12.0))
    assert crowd.quarantined() == set()
    assert not Result.select().where(Result.state == ResultState.invalid).count()
    assert all(host.row.trust >= POLICY.trust_after for host in crowd.hosts.values())
    assert grid.audit.findings(grid.now) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 12))
def test_a_third_that_lies_changes_nothing_and_is_put_out(grid: DomainGrid, owner: int, seed: int) -> None:
    project = grid.project(owner, examples=80, k=5, epochs=4)
    ways = {**HONEST, "liar": flipped, "another": noise(seed)}
    crowd = Crowd(grid, ways, seed)
    crowd.work(project)
    np.testing.assert_array_equal(final_weights(grid, project), np.full(20, 16.0))
    assert crowd.quarantined() == {"liar", "another"}
    assert grid.audit.findings(grid.now) == []
    assert Host.select().where(Host.credit > 0, Host.quarantined_at.is_null(False)).count() == 0


def test_a_grid_of_one_volunteer_trains_with_the_server_as_its_referee(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=40, k=6, epochs=2)
    crowd = Crowd(grid, {"alone": honest})
    crowd.work(project)
    np.testing.assert_array_equal(final_weights(grid, project), np.full(10, 8.0))
    assert grid.audit.findings(grid.now) == []


def test_nothing_is_lost_when_every_process_is_killed_again_and_again(grid: DomainGrid, owner: int) -> None:
    project = grid.project(owner, examples=40, k=4, epochs=2)
    crowd = Crowd(grid, {**HONEST, "liar": flipped})
    steps = iter(range(10_000))

    def kill_sometimes() -> None:
        if next(steps) % 15 == 14:
            grid.restart()
            assert grid.audit.findings(grid.now) == []

    crowd.work(project, between=kill_sometimes)
    np.testing.assert_array_equal(final_weights(grid, project), np.full(10, 8.0))
    assert crowd.quarantined() <= {"liar"}
    assert not Unit.select().where(Unit.state == UnitState.open).count()
