"""Leases and the server's own absence: of the scheduler, of the web process, of both."""

import datetime as dt

import pytest

from server.rules.states import ResultState
from server.storage.tables import Result
from tests.support.domain_grid import Cast, DomainGrid


def left(grid: DomainGrid) -> dt.timedelta:
    return Result.get().silent_at - grid.now


def second(grid: DomainGrid, web: bool = True, scheduler: bool = True) -> None:
    grid.wait(1)
    if web:
        grid.grid.note_web(grid.now)
    if scheduler:
        grid.transitions()


@pytest.fixture
def leased(grid: DomainGrid, owner: int, steady: Cast) -> DomainGrid:
    grid.project(owner)
    second(grid)
    steady.lease()
    return grid


def test_while_the_web_process_is_away_nobody_is_lost(leased: DomainGrid) -> None:
    before = left(leased)
    assert before == dt.timedelta(seconds=5)
    for _ in range(60):
        second(leased, web=False)
        assert Result.get().state is ResultState.leased
    second(leased)
    assert dt.timedelta(seconds=3) <= left(leased) <= before, "what a host had left it has left now, and no more"


def test_a_short_gap_of_the_web_process_changes_nothing(leased: DomainGrid) -> None:
    before = Result.get().silent_at
    for _ in range(3):
        second(leased, web=False)
    second(leased)
    assert Result.get().silent_at == before


@pytest.mark.parametrize("web_first", [True, False])
def test_an_absence_of_both_is_made_good_once(leased: DomainGrid, web_first: bool) -> None:
    """Else an hour of it would hide for two that a host has gone."""
    before = left(leased)
    leased.wait(3600)
    for _ in range(10):
        second(leased, web=web_first, scheduler=not web_first)
    second(leased)
    assert Result.get().state is ResultState.leased
    assert left(leased) <= before
    for _ in range(6):
        second(leased)
    assert Result.get().state is ResultState.lost


def test_a_pass_that_extends_leases_is_not_repeated_at_once(leased: DomainGrid) -> None:
    """A duty repeats its passes until nothing moves: this one must not spin as long as the web process is away."""
    for _ in range(10):
        second(leased, web=False)
    assert leased.downtime.run_pass(leased.now + dt.timedelta(seconds=0.01)) == 0


def test_a_grid_that_never_had_a_web_process_waits_for_none(grid: DomainGrid, owner: int, ghost: Cast) -> None:
    grid.project(owner)
    ghost.ask()
    for _ in range(8):
        second(grid, web=False)
    assert Result.get().state is ResultState.lost


def test_the_schedulers_sign_of_life_can_be_read(grid: DomainGrid) -> None:
    assert grid.grid.scheduler_alive_at() is None
    grid.transitions()
    assert grid.grid.scheduler_alive_at() == grid.now
    grid.grid.check()
