"""`make bench`: what a request for work costs the server, with a thousand units out and a thousand that have counted.

In processor time of the asking thread, for grids that believe everybody and grids that check: the ratios matter.
"""

import tempfile
import time
from pathlib import Path

from server.domain.plans import order_of
from server.rules.states import ResultState, UnitState
from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from server.storage.tables import Account, Host, Result, Unit
from tests.support.checking import machine
from tests.support.domain_grid import Cast, DomainGrid

UNITS, HOSTS, ASKED = 2000, 100, 60
CHECKS = ValidationPolicy(quorum=2, audit_share=0.0)


def main() -> None:
    print(f"a request for work: {UNITS // 2} units out, {UNITS // 2} have counted, {HOSTS} hosts awake")
    # The first of a process is quicker than all that follow.
    measure(BELIEVES_ALL, sought=0, trust=50)
    base = measure(BELIEVES_ALL, sought=0, trust=50)
    print(f"  believes everybody:                 {base:6.2f} ms")
    for sought, trust, words in (
        (0, 50, "checks, nothing is sought:"), (30, 50, "checks, 30 units seek opinions:"),
        (0, 0, "checks, a host without trust asks:"),
    ):  # fmt: skip
        cost = measure(CHECKS, sought, trust)
        print(f"  {words:<36}{cost:6.2f} ms ({cost / base:.2f} times)")


def measure(policy: ValidationPolicy, sought: int, trust: int) -> float:
    """The least milliseconds of a request by a host with that trust: what else the machine does only adds to it."""
    with tempfile.TemporaryDirectory() as folder:
        grid = DomainGrid(Path(folder) / "grid", policy)
        asker = _furnish(grid, sought, trust)
        costs = []
        for _ in range(ASKED):
            began = time.thread_time()
            asker.lease()
            costs.append(time.thread_time() - began)
        grid.stores.database.close()
    return 1000 * min(costs)


def _furnish(grid: DomainGrid, sought: int, trust: int) -> Cast:
    owner = grid.person("owner")
    project = grid.project(owner, examples=12_000, k=2_900, shard_examples=1_200)
    hosts = [machine(grid, f"host {number}", trust=50) for number in range(HOSTS)]
    order = order_of(grid.plan(project).seed, 0, grid.row(project).mini_batches)
    with grid.stores.database.write():
        # Too slow for more than one mini-batch: so every request cuts a small unit.
        Host.update(speed=1e-9, last_seen_at=grid.now).execute()
        for number in range(UNITS):
            counted = number < UNITS // 2
            unit = grid.stores.work.add_unit(project, 0, 0, [int(order[number])], grid.now)
            result = grid.stores.work.lease(unit, hosts[number % (HOSTS - 1)].id, grid.now, grid.now, 1.0, grid.now)
            if counted:
                Result.update(state=ResultState.valid).where(Result.id == result.id).execute()
                Unit.update(state=UnitState.valid, canonical=result.id, seeks=number < sought, opinions=2).where(
                    Unit.id == unit.id
                ).execute()
        Host.update(trust=trust).where(Host.id == hosts[-1].id).execute()
        Account.update(trust=50).execute()
    return hosts[-1]


if __name__ == "__main__":
    main()
