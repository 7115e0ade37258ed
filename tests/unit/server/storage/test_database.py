import datetime as dt
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from peewee import IntegrityError, SqliteDatabase
from playhouse.sqlite_ext import AutoIncrementField

from server.errors import NotFound
from server.storage.account_tables import Account, Action
from server.storage.database import Database
from server.storage.stores import Stores, open_stores
from server.storage.tables import ALL, CreditEntry, Draft, Host, Project, Result, Unit

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SCHEMA = (
    "SELECT name, sql FROM sqlite_master WHERE type != 'trigger' AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    " ORDER BY name"
)


def normal(sql: str) -> list[str]:
    """Its parts in the order of the alphabet: SQLite puts a column that was added later after the constraints."""
    flat = re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split()))
    head, _, rest = flat.partition("(")
    return [head, *sorted(re.split(r",(?![^(]*\))", rest.removesuffix(")")))]


def test_a_database_made_by_migrations_has_exactly_the_tables_that_the_code_uses(
    stores: Stores, tmp_path: Path
) -> None:
    """A change of tables.py needs a new migration: those that have run somewhere are never edited."""
    migrated = {n: normal(s) for n, s in stores.database.rows(SCHEMA) if not n.startswith("schema_migration")}
    fresh = SqliteDatabase(str(tmp_path / "fresh.db"))
    with fresh.bind_ctx(ALL, bind_refs=False, bind_backrefs=False):
        fresh.create_tables(ALL)
    expected = {name: normal(sql) for name, sql in fresh.execute_sql(SCHEMA).fetchall()}
    fresh.close()
    assert migrated == expected


def test_the_first_migration_knows_nothing_of_todays_tables() -> None:
    folder = Path(sys.modules[Database.__module__].__file__ or "").with_name("migrations")
    for file in folder.glob("*.py"):
        assert "import" not in file.read_text("utf-8"), f"{file.name} must stay what it was when it ran"


@pytest.mark.parametrize("change", ["UPDATE {} SET at = 0", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["action", "credit_entry"])
def test_what_is_only_ever_added_cannot_be_changed(stores: Stores, table: str, change: str) -> None:
    database = stores.database
    account = Account.create(name="a", folded="a", password_hash="", created_at=NOW)
    host = Host.create(
        account=account, name="h", token_hash="t", system="", processor="", threads=1, memory=1, software="",
        numerics=1, created_at=NOW,
    )  # fmt: skip
    Action.create(at=NOW, actor_name="a", what="blocked account", subject="b")
    CreditEntry.create(host=host, account=account, day=1, at=NOW, result=1, project=1, kind="granted", amount=1)
    with pytest.raises(IntegrityError, match="append-only"):
        database.rows(change.format(table))
    assert len(database.rows(f"SELECT * FROM {table}")) == 1


def test_migrating_again_changes_nothing(stores: Stores) -> None:
    before = stores.database.rows(SCHEMA)
    stores.database.migrate()
    assert stores.database.rows(SCHEMA) == before


def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    code = "import sys, pathlib; from server.storage.stores import open_stores; open_stores(pathlib.Path(sys.argv[1]))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "grid")], stderr=subprocess.PIPE) for _ in range(3)
    ]
    for process in started:
        _, words = process.communicate(timeout=120)
        assert process.returncode == 0, words.decode()


def test_the_connection_is_set_for_safety(stores: Stores) -> None:
    def pragma(name: str) -> object:
        return stores.database.rows(f"PRAGMA {name}")[0][0]

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")) == ("wal", 2, 1)


def test_sqlite_is_one_without_the_wal_reset_bug(stores: Stores) -> None:
    version = tuple(int(part) for part in str(stores.database.rows("SELECT sqlite_version()")[0][0]).split("."))
    assert version >= (3, 51, 3) or version[:2] in ((3, 50), (3, 44)), "fixed in 3.51.3, 3.50.7 and 3.44.6"


def test_an_error_inside_a_write_undoes_all_of_it(stores: Stores) -> None:
    with pytest.raises(NotFound):
        _write_and_fail(stores)
    assert stores.facts.get("a") is None


def test_a_write_inside_a_write_ends_with_the_outer_one(stores: Stores) -> None:
    with pytest.raises(NotFound):
        _write_inside_and_fail(stores)
    assert stores.facts.get("a") is None


def _write_and_fail(stores: Stores) -> None:
    with stores.database.write():
        stores.facts.set("a", "1")
        raise NotFound


def _write_inside_and_fail(stores: Stores) -> None:
    with stores.database.write():
        with stores.database.write():
            stores.facts.set("a", "1")
        raise NotFound


def test_a_reader_sees_one_instant_while_others_write(stores: Stores) -> None:
    stores.facts.set("a", "old")
    with stores.database.read():
        assert stores.facts.get("a") == "old"
        writer = threading.Thread(target=_write, args=(stores,))
        writer.start()
        writer.join()
        assert stores.facts.get("a") == "old"
    assert stores.facts.get("a") == "new"


def _write(stores: Stores) -> None:
    with stores.database.write():
        stores.facts.set("a", "new")
    stores.database.close()


def test_writers_of_many_threads_lose_nothing(stores: Stores) -> None:
    stores.facts.set("n", "0")

    def add() -> None:
        for _ in range(20):
            with stores.database.write():
                stores.facts.set("n", str(int(stores.facts.get("n") or 0) + 1))
        stores.database.close()

    threads = [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores.facts.get("n") == "100"


def test_a_commit_of_another_connection_is_noticed(stores: Stores) -> None:
    before = stores.database.change_counter()
    assert stores.database.change_counter() == before
    writer = threading.Thread(target=_write, args=(stores,))
    writer.start()
    writer.join()
    assert stores.database.change_counter() != before


def test_numbers_that_addresses_name_are_never_given_again(stores: Stores, project: Project, unit: Unit) -> None:
    assert all(isinstance(table._meta.primary_key, AutoIncrementField) for table in (Project, Draft, Unit, Result))
    number = unit.id
    Unit.delete().execute()
    assert stores.work.add_unit(project.id, 0, 0, [1], project.created_at).id > number


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    stores = open_stores(tmp_path / "grid")
    stores.facts.set("a", "1")
    stores.database.close()
    stores = open_stores(tmp_path / "grid")
    assert stores.facts.get("a") == "1"
    stores.database.close()


HOT = {
    "result_reported": lambda s: s.work.oldest_reported(64, waited_for=True),
    "result_leased": lambda s: s.work.overdue(NOW),
    "unit_open": lambda s: s.work.open_units(1),
    "result_project_id_ended_at": lambda s: s.work.host_seconds(NOW, NOW, [1, 2]),
    "result_project_id_ended_at ": lambda s: s.work.last_ended_at(1),
    "result_host_id_state": lambda s: s.work.leased_to(1),
    "unit_project_id_round": lambda s: s.work.units_of_round(1, 0),
    "mini_batch_use_project_id_epoch_place": lambda s: s.rounds.used_places(1, 0, 5),
    "result_gradient_sha256": lambda s: s.references.old_gradients(10),
    "host_token_hash": lambda s: s.hosts.by_token("x"),
}


@pytest.mark.parametrize("index", HOT)
def test_the_queries_of_every_lease_and_report_use_their_index(
    stores: Stores, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them leases get slower with all that was ever trained (measured: 10 a second at a million rows)."""
    for sql, params in queries_of(lambda: HOT[index](stores), monkeypatch):
        plan = [str(row[3]) for row in stores.database.rows(f"EXPLAIN QUERY PLAN {sql}", *params)]
        assert index.strip() in plan[0] or "PRIMARY KEY" in plan[0], (sql, plan)
        assert not any("TEMP B-TREE FOR ORDER" in step for step in plan), (sql, plan)


def queries_of(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[object, ...]]]:
    """What is asked of the database meanwhile."""
    queries: list[tuple[str, tuple[object, ...]]] = []
    execute = SqliteDatabase.execute_sql

    def noted(self: SqliteDatabase, sql: str, params: object = None, *rest: object) -> object:
        queries.append((sql, tuple(params or ())))
        return execute(self, sql, params, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(SqliteDatabase, "execute_sql", noted)
        call()
    assert queries
    return queries


SOUGHT = {
    "unit_seeking": lambda s: (s.checks.wanting(1, 64), s.checks.rounds_sought(1), s.checks.anything_sought()),
    "unit_audit_wanted": lambda s: (s.checks.audits_wanted(64, 1), s.checks.for_the_server(64, "linux")),
    "result_held": lambda s: s.opinions.of_another_kind(),
}


@pytest.mark.parametrize("index", SOUGHT)
def test_a_host_that_asks_for_work_is_told_of_checks_by_what_is_sought_alone(
    stores: Stores, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for sql, params in queries_of(lambda: SOUGHT[index](stores), monkeypatch):
        plan = [str(row[3]) for row in stores.database.rows(f"EXPLAIN QUERY PLAN {sql}", *params)]
        assert any(index in step for step in plan), (sql, plan)
        assert not any("SCAN unit" in step and "unit_" not in step for step in plan), (sql, plan)
        assert not any("unit_project_id_round" in step for step in plan), (sql, plan)


def test_deleting_a_project_searches_no_table_from_end_to_end(stores: Stores) -> None:
    """Each foreign key to what may be deleted begins an index."""
    for table in ALL:
        for column in table._meta.refs:
            indexes = stores.database.rows(f'PRAGMA index_list("{table._meta.table_name}")')
            first = {
                str(stores.database.rows(f'PRAGMA index_info("{name}")')[0][2]) for _, name, _, _, partial in indexes
                if not partial
            }  # fmt: skip
            assert column.column_name in first, f"{table.__name__}.{column.name}"
