"""The leaderboard and the public status: what counts, and who is named."""

import datetime as dt

import pytest

from server.domain.public_status import PublicStatus
from server.domain.standings import Leaderboards
from server.storage.account_tables import Account
from server.storage.tables import PastWork
from tests.support.domain_grid import START, Cast, DomainGrid
from volunteer.protocol.account_messages import VersionCount
from volunteer.protocol.requestor_messages import Standings


@pytest.fixture
def boards(grid: DomainGrid) -> Leaderboards:
    return Leaderboards(grid.stores)


def work(grid: DomainGrid, host: Cast, times: int = 1, seconds: float = 10) -> int:
    """How many mini-batches were found valid."""
    done = 0
    for _ in range(times):
        lease = host.lease()
        grid.wait(seconds)
        host.deliver(lease)
        grid.rounds()
        done += len(lease.mini_batches)
    return done


def named(standings: Standings) -> list[tuple[int, str, int]]:
    return [(one.place, one.name, one.mini_batches) for one in standings.rows]


def test_volunteers_stand_in_the_order_of_their_valid_mini_batches(
    grid: DomainGrid, owner: int, stranger: int, boards: Leaderboards
) -> None:
    grid.project(owner)
    one, other = grid.host(owner, "a"), grid.host(stranger, "b")
    few, many = work(grid, one), work(grid, other, 3)
    other.lease()
    board = boards.view(grid.now)
    assert named(board.ever) == [(1, "stranger", many), (2, "owner", few)]
    assert board.day == board.lately == board.ever
    assert [one.host_seconds for one in board.ever.rows] == [30.0, 10.0]


def test_the_last_seven_days_forget_what_is_older(
    grid: DomainGrid, owner: int, stranger: int, boards: Leaderboards
) -> None:
    grid.project(owner)
    work(grid, grid.host(owner, "a"))
    grid.now += dt.timedelta(days=8)
    newer = work(grid, grid.host(stranger, "b"))
    board = boards.view(grid.now)
    assert named(board.lately) == [(1, "stranger", newer)]
    assert len(board.ever.rows) == 2


@pytest.mark.parametrize("columns", [{"is_listed": False}, {"blocked_at": START}, {"deleted_at": START}])
def test_who_is_not_listed_counts_in_the_sums_without_a_name(
    grid: DomainGrid, owner: int, stranger: int, boards: Leaderboards, columns: dict[str, object]
) -> None:
    grid.project(owner)
    seen, hidden = work(grid, grid.host(owner, "a")), work(grid, grid.host(stranger, "b"), 2)
    Account.update(**columns).where(Account.id == stranger).execute()
    board = boards.view(grid.now)
    assert named(board.ever) == [(1, "owner", seen)]
    assert (board.ever.others, board.ever.other_mini_batches, board.ever.other_seconds) == (1, hidden, 20.0)
    assert board.ever.other_credit > 0
    assert "stranger" not in repr(board)


def test_credit_outlives_the_projects_that_it_was_earned_for(
    grid: DomainGrid, owner: int, stranger: int, boards: Leaderboards
) -> None:
    first, second = grid.project(owner), grid.project(owner)
    host = grid.host(stranger, "a")
    work(grid, host, 4)
    before = boards.view(grid.now)
    mini_batches = grid.hosts.list_for(stranger, grid.now)[0].mini_batches
    grid.projects.delete(owner, first, grid.now)
    grid.projects.delete(owner, second, grid.now)
    assert boards.view(grid.now) == before
    assert grid.hosts.list_for(stranger, grid.now)[0].mini_batches == mini_batches > 0
    assert PastWork.select().count() == 1, "one row a host and day"


def test_the_status_shows_sums_and_no_names(grid: DomainGrid, owner: int, stranger: int) -> None:
    project = grid.project(owner, name="a secret plan")
    grid.project(stranger)
    host = grid.host(owner, "attic")
    done = work(grid, host, 2)
    host.lease()
    view = PublicStatus(grid.stores, START).view(grid.now)
    numbers = view.numbers
    assert (numbers.hosts_awake, numbers.threads, numbers.hosts_at_work) == (1, 2, 1)
    assert numbers.mini_batches_per_second == round(done / 300, 2)
    assert numbers.being_computed > 0
    assert numbers.versions == [VersionCount("0.1.0", 1)]
    assert (numbers.started_at, numbers.projects) == (START, len(view.projects))
    assert {(row.id, row.owner_id) for row in view.projects} >= {(project, owner)}
    for secret in ("a secret plan", "attic", "owner'", "stranger'"):
        assert secret not in repr(view)


def test_the_status_of_an_empty_grid_is_all_nothing(grid: DomainGrid) -> None:
    view = PublicStatus(grid.stores, START).view(grid.now)
    assert view.projects == []
    assert (view.numbers.hosts_awake, view.numbers.rounds_per_hour, view.numbers.versions) == (0, 0, [])
