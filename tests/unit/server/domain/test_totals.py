"""What hosts gave is the sum over their results, however seldom all of it is added up."""

import pytest

from server.storage.tables import Result
from tests.support.domain_grid import Cast, DomainGrid


def added_up(grid: DomainGrid) -> tuple[float, int, int]:
    results = list(Result.select())
    seconds = sum(((result.ended_at or grid.now) - result.leased_at).total_seconds() for result in results)
    return seconds, sum(result.bytes_down for result in results), sum(result.bytes_up for result in results)


def told(grid: DomainGrid, owner: int, project: int) -> tuple[float, int, int]:
    view = grid.views.view(owner, project, grid.now)
    return view.host_seconds, view.pace.bytes_to_hosts, view.pace.bytes_from_hosts


def test_the_totals_follow_the_rows(grid: DomainGrid, owner: int, steady: Cast, slow: Cast) -> None:
    project = grid.project(owner, examples=400, k=3)
    for number in range(12):
        lease, other = steady.lease(), slow.lease()
        grid.wait(40)
        steady.deliver(lease)
        if number % 2:
            slow.deliver(other, seconds=20)
        grid.rounds()
        assert told(grid, owner, project) == pytest.approx(added_up(grid))


def test_old_results_are_not_added_up_for_every_look(
    grid: DomainGrid, owner: int, steady: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = grid.project(owner, examples=400, k=3)
    asked = []
    until = grid.stores.work.given_until
    monkeypatch.setattr(grid.stores.work, "given_until", lambda *about: asked.append(about) or until(*about))
    for _ in range(10):
        steady.deliver(steady.lease())
        grid.rounds()
        grid.wait(1)
        assert told(grid, owner, project) == pytest.approx(added_up(grid))
    assert len(asked) == 1
    grid.wait(3600)
    assert told(grid, owner, project) == pytest.approx(added_up(grid))
    assert len(asked) == 2
