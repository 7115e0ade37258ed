"""The cast: people and machines of a grid without processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.rules.validation_policy import BELIEVES_ALL, ValidationPolicy
from tests.support.domain_grid import Cast, DomainGrid
from tests.support.judging import TRUSTED, host_of_its_own


@pytest.fixture
def policy() -> ValidationPolicy:
    """A module that wants another one says so by a fixture of this name."""
    return BELIEVES_ALL


@pytest.fixture
def grid(tmp_path: Path, policy: ValidationPolicy) -> Iterator[DomainGrid]:
    grid = DomainGrid(tmp_path / "grid", policy)
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


@pytest.fixture
def fresh(grid: DomainGrid) -> Cast:
    """Like the next two a machine whose owner has no other; not trusted yet."""
    return host_of_its_own(grid, "fresh")


@pytest.fixture
def second(grid: DomainGrid) -> Cast:
    return host_of_its_own(grid, "second")


@pytest.fixture
def third(grid: DomainGrid) -> Cast:
    return host_of_its_own(grid, "third")


@pytest.fixture
def proven(grid: DomainGrid) -> Cast:
    return host_of_its_own(grid, "proven", TRUSTED)
