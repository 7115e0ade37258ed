"""Opinions on units, put straight before the judge: who says what of which unit, without a turn of dispatch."""

import datetime as dt
from collections.abc import Callable

import numpy as np

from server.rules.states import Purpose, ResultState, UnitState
from server.storage.tables import Host, Result, Unit
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.tiny_training import gradient_of
from volunteer.plan.project_plan import Role
from volunteer.protocol.digests import sha256_of
from volunteer.protocol.gradients import GradientBlob

TRUSTED = 10**6
"""So much that no check is drawn."""

Change = Callable[[GradientBlob], None]


def honest(blob: GradientBlob) -> None:
    """As it is."""


def flipped(blob: GradientBlob) -> None:
    blob.gradient[:] = -blob.gradient


def doubled(blob: GradientBlob) -> None:
    blob.gradient[:] = 2 * blob.gradient


def a_little_off(blob: GradientBlob) -> None:
    """Too far to agree, too near to be called wrong."""
    blob.gradient[:] = 1.02 * blob.gradient


def noise(seed: int) -> Change:
    def change(blob: GradientBlob) -> None:
        blob.gradient[:] = np.random.default_rng(seed).normal(size=len(blob.gradient)).astype(np.float32)

    return change


def host_of_its_own(grid: DomainGrid, name: str, trust: int = 0, awake: bool = True) -> Cast:
    """A machine whose owner has no other; trusted so much as an owner and as a machine."""
    host = grid.host(grid.person(name), name)
    if awake:
        grid.stores.hosts.saw(host.id, grid.now)
    trusted(grid, host, trust)
    return host


def trusted(grid: DomainGrid, host: Cast, trust: int) -> None:
    with grid.stores.database.write():
        Host.update(trust=trust).where(Host.id == host.id).execute()
        grid.stores.accounts.change(host.row.account_id, trust=trust)


def units(grid: DomainGrid, state: UnitState | None = None) -> list[Unit]:
    rows = list(Unit.select().order_by(Unit.id))
    return rows if state is None else [unit for unit in rows if unit.state is state]


def unit_of(grid: DomainGrid, result: str | int) -> Unit:
    return grid.stores.work.unit(row(grid, result).unit_id)


def row(grid: DomainGrid, result: str | int) -> Result:
    found = grid.stores.work.result(int(result))
    assert found is not None
    return found


def speak(
    grid: DomainGrid, host: Cast, unit_id: int, change: Change = honest, purpose: Purpose = Purpose.check
) -> Result:
    """The host's result of this unit is reported, wherever its round stands."""
    unit = grid.stores.work.unit(unit_id)
    plan = grid.plan(unit.project_id)
    blob = gradient_of(plan.layout, plan.size_of(Role.trainable), unit.mini_batches)
    change(blob)
    data = blob.encode()
    path = grid.stores.blobs.incoming / f"opinion-{host.id}-{unit_id}"
    path.write_bytes(data)
    sha256 = sha256_of([data])
    grid.stores.blobs.adopt_as(path, sha256)
    with grid.stores.database.write():
        result = grid.stores.work.lease(
            unit, host.id, grid.now, grid.now + dt.timedelta(hours=1), 10.0, grid.now + dt.timedelta(hours=1)
        )
        Result.update(purpose=purpose).where(Result.id == result.id).execute()
        grid.stores.work.move(
            result, ResultState.reported, digest=sha256, gradient_sha256=sha256, delivered=unit.size, ended_at=grid.now
        )
    return result


def deliver(grid: DomainGrid, host: Cast, change: Change = honest) -> int:
    """The host asks, computes and reports; the number of its result."""
    lease = host.lease()
    blob = grid.honest(lease)
    change(blob)
    host.upload(lease.result, blob)
    return int(lease.result)


def judge(grid: DomainGrid) -> None:
    """The validator alone, until nothing moves: no round is closed by the assimilator."""
    for _ in range(20):
        if not grid.validator.run_pass(grid.now):
            return
    raise AssertionError("the validator never comes to rest")
