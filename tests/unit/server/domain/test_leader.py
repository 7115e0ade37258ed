"""Who leads is who has it in the database."""

import contextlib
from collections.abc import Iterator

import pytest

from server.domain.leader import Leader
from tests.support.domain_grid import DomainGrid


def test_a_lease_that_could_not_be_committed_is_none_and_the_next_one_counts_as_the_beginning(
    grid: DomainGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = grid.stores.database.write

    @contextlib.contextmanager
    def full_disk() -> Iterator[None]:
        with write():
            yield
            raise OSError("the disk is full")

    grid.wait(3600)
    leader = Leader(grid.stores, "another")
    with monkeypatch.context() as patched:
        patched.setattr(grid.stores.database, "write", full_disk)
        with pytest.raises(OSError, match="full"):
            leader.run_pass(grid.now)
    assert not leader.leads
    assert leader.run_pass(grid.now) == 1
    assert leader.leads
    assert leader.run_pass(grid.now) == 0
