"""The cast: people and machines of a grid without processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.domain_grid import Cast, DomainGrid


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[DomainGrid]:
    grid = DomainGrid(tmp_path / "grid")
    yield grid
    grid.stores.database.close()


@pytest.fixture
def operator(grid: DomainGrid) -> int:
    """The first account."""
    return grid.person("operator")


@pytest.fixture
def owner(grid: DomainGrid, operator: int) -> int:
    return grid.person("owner")


@pytest.fixture
def stranger(grid: DomainGrid, operator: int) -> int:
    return grid.person("stranger")


@pytest.fixture
def steady(grid: DomainGrid, operator: int) -> Cast:
    return grid.host(operator, "steady")


@pytest.fixture
def slow(grid: DomainGrid, operator: int) -> Cast:
    return grid.host(operator, "slow")


@pytest.fixture
def liar(grid: DomainGrid, operator: int) -> Cast:
    return grid.host(operator, "liar")


@pytest.fixture
def ghost(grid: DomainGrid, operator: int) -> Cast:
    return grid.host(operator, "ghost")
