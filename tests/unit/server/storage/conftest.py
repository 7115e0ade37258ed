"""A data folder with real stores."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.rules.states import ResultState
from server.storage.stores import Stores, open_stores
from server.storage.tables import Host, Project, Result, Unit
from volunteer.protocol.messages import Machine

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = open_stores(tmp_path / "grid")
    yield stores
    stores.database.close()


@pytest.fixture
def now() -> dt.datetime:
    return NOW


@pytest.fixture
def project(stores: Stores) -> Project:
    owner = stores.accounts.add("owner", "hash", NOW)
    columns: dict[str, Any] = {
        "owner": owner.id, "name": "digits", "settings": {"k": 4}, "source_sha256": "", "source_name": "m.h5",
        "source_kind": "h5", "created_at": NOW,
    }  # fmt: skip
    return stores.projects.add(**columns)


@pytest.fixture
def host(stores: Stores, project: Project) -> Host:
    machine = Machine("Linux", "test", 2, 2**33, "0.1.0", 1, 2)
    return stores.hosts.add(project.owner_id, "steady", "0" * 64, machine, NOW)


@pytest.fixture
def unit(stores: Stores, project: Project) -> Unit:
    return stores.work.add_unit(project.id, 0, 0, [3, 1, 2], NOW)


@pytest.fixture
def result(stores: Stores, unit: Unit, host: Host) -> Result:
    minute = dt.timedelta(minutes=1)
    result = stores.work.lease(unit, host.id, NOW, NOW + minute, 5.0, NOW + minute / 4)
    assert result.state is ResultState.leased
    return result
