"""A grid that was at work before there was a ledger finds its credit there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from server.domain.ledger_audit import LedgerAudit
from server.rules.credit import amount_of
from server.storage import stores as stores_module
from server.storage.stores import open_stores

BEFORE = "0004_machines_are_linked_by_codes"
OPERATIONS = 7_000_001


@pytest.fixture
def old(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """The database of such a grid."""
    database = SqliteDatabase(str(tmp_path / "grid.db"))
    Runner(database, directory=str(Path(stores_module.__file__).with_name("migrations"))).up(BEFORE)
    yield database
    database.close()


def put(database: SqliteDatabase, table: str, **columns: object) -> None:
    """What is not said is 0 or empty, as the column wants it."""
    for _, name, kind, needed, default, key in database.execute_sql(f'PRAGMA table_info("{table}")').fetchall():
        if needed and default is None and not key and name not in columns:
            columns[name] = "" if kind.startswith(("VARCHAR", "TEXT")) else 0
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join("?" * len(columns))
    database.execute_sql(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', tuple(columns.values()))


def test_valid_results_and_the_work_of_deleted_projects_are_credited(old: SqliteDatabase, tmp_path: Path) -> None:
    put(old, "account", id=1, name="owner", folded="owner")
    for number in (1, 2):
        put(old, "host", id=number, account_id=1, token_hash=str(number))
    put(old, "project", id=1, owner_id=1, state="running", operations=OPERATIONS, settings="{}")
    for number, state in enumerate(("valid", "invalid", "leased", "valid"), 1):
        put(old, "unit", id=number, project_id=1, size=3, state="valid", mini_batches="[1,2,3]")
        ended = None if state == "leased" else 86_400.0 * 20_000 + number
        put(old, "result", id=number, unit_id=number, project_id=1, host_id=1, state=state, delivered=3, size=3,
            ended_at=ended)  # fmt: skip
    put(old, "past_work", host_id=2, day=19_000, mini_batches=40)
    old.close()
    stores = open_stores(tmp_path)
    try:
        worth = amount_of(OPERATIONS, 3)
        columns = "host_id, account_id, day, result, kind, amount"
        entries = stores.database.rows(f"SELECT {columns} FROM credit_entry ORDER BY id")
        assert entries == [
            (1, 1, 20_000, 1, "granted", worth), (1, 1, 20_000, 4, "granted", worth),
            (2, 1, 19_000, -2_019_000, "granted", 40_000),
        ]  # fmt: skip
        assert stores.database.rows("SELECT credit FROM host ORDER BY id") == [(2 * worth,), (40_000,)]
        assert stores.database.rows("SELECT credit FROM account") == [(2 * worth + 40_000,)]
        assert list(LedgerAudit(stores).findings()) == []
    finally:
        stores.database.close()
