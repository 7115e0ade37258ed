"""Validator: what becomes of results that cannot be used as they are, or look strange in themselves."""


import numpy as np
import pytest

from server.rules.states import ProjectState, Purpose, ResultState
from server.rules.validation_policy import ValidationPolicy
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.judging import (
    TRUSTED,
    deliver,
    honest,
    host_of_its_own,
    judge,
    row,
    speak,
    unit_of,
)
from volunteer.protocol.gradients import GradientBlob


@pytest.fixture
def policy() -> ValidationPolicy:
    return ValidationPolicy(quorum=2, least_check=0.0)


@pytest.fixture
def project(grid: DomainGrid, owner: int) -> int:
    return grid.project(owner, examples=80, k=6)


def not_finite(blob: GradientBlob) -> None:
    blob.gradient[0] = np.nan


def test_fresh_accounts_cannot_stop_a_project_by_numbers_that_are_not_finite(
    grid: DomainGrid, project: int, fresh: Cast, second: Cast, proven: Cast
) -> None:
    wrong = [deliver(grid, host, not_finite) for host in (fresh, second)]
    judge(grid)
    assert [row(grid, result).state for result in wrong] == [ResultState.not_finite] * 2
    assert grid.row(project).state is ProjectState.running


def test_a_trusted_account_beside_a_fresh_one_is_not_enough_to_say_that_the_model_diverged(
    grid: DomainGrid, project: int, fresh: Cast, proven: Cast
) -> None:
    host_of_its_own(grid, "another proven", TRUSTED)
    for host in (fresh, proven):
        deliver(grid, host, not_finite)
    judge(grid)
    assert grid.row(project).state is ProjectState.running


def test_one_trusted_account_alone_cannot_say_that_the_model_diverged_while_anybody_else_is_awake(
    grid: DomainGrid, project: int, fresh: Cast, proven: Cast
) -> None:
    for _ in range(3):
        deliver(grid, proven, not_finite)
        judge(grid)
    assert grid.row(project).state is ProjectState.running
    deliver(grid, fresh, not_finite)
    judge(grid)
    assert grid.row(project).state is ProjectState.needs_attention
    assert "diverged" in grid.row(project).reason


def test_numbers_that_are_not_finite_are_somebodys_fault_when_others_agree_on_finite_ones(
    grid: DomainGrid, project: int, fresh: Cast, proven: Cast, third: Cast
) -> None:
    wrong = deliver(grid, fresh, not_finite)
    judge(grid)
    assert fresh.row.refuted == 0
    unit = unit_of(grid, wrong)
    right = speak(grid, proven, unit.id, honest, Purpose.work).id
    judge(grid)
    assert row(grid, right).state is ResultState.valid
    assert grid.stores.work.unit(unit.id).seeks, "somebody else must say the same"
    speak(grid, third, unit.id)
    judge(grid)
    assert row(grid, wrong).state is ResultState.invalid
    assert fresh.row.refuted == 1
    assert grid.audit.findings(grid.now) == []


def test_an_upload_that_cannot_be_read_is_its_hosts_fault(grid: DomainGrid, project: int, fresh: Cast) -> None:
    for times in (1, 2):
        lease = fresh.lease()
        data = grid.honest(lease).encode()
        fresh.upload(lease.result, data.replace(b'"data_offsets":[0,', b'"data_offsets":[1,'))
        judge(grid)
        assert fresh.row.refuted == times
    assert fresh.row.quarantined_at == grid.now


def test_an_upload_that_the_server_has_lost_is_nobodys_fault(grid: DomainGrid, project: int, fresh: Cast) -> None:
    number = deliver(grid, fresh)
    grid.stores.blobs.path(row(grid, number).gradient_sha256).unlink()
    judge(grid)
    assert row(grid, number).state is ResultState.invalid
    assert (fresh.row.refuted, fresh.row.quarantined_at) == (0, None)
    assert unit_of(grid, fresh.lease().result).id == row(grid, number).unit_id


def test_what_could_not_be_read_just_now_is_judged_later(
    grid: DomainGrid, project: int, fresh: Cast, second: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = deliver(grid, fresh)
    judge(grid)
    speak(grid, second, unit_of(grid, number).id)
    for waited_for in (True, False):
        grid.validator._take_in(waited_for, 64, grid.now)
    with monkeypatch.context() as broken:
        broken.setattr(GradientBlob, "decode", trouble)
        assert grid.validator.run_pass(grid.now) == 0
    assert row(grid, number).state is ResultState.held
    judge(grid)
    assert row(grid, number).state is ResultState.valid


def trouble(data: bytes) -> GradientBlob:
    raise OSError("Too many open files")


def test_in_a_projects_first_round_a_gradient_is_looked_at_beside_the_rounds_own(grid: DomainGrid, owner: int) -> None:
    grid.project(owner, examples=400, k=50)
    hosts = [host_of_its_own(grid, f"host {n}", TRUSTED) for n in range(6)]
    for host in hosts[:5]:
        deliver(grid, host)
    judge(grid)
    loud = deliver(grid, hosts[5], shouted)
    judge(grid)
    assert row(grid, loud).state is ResultState.held


def shouted(blob: GradientBlob) -> None:
    blob.gradient[:] *= 1000
