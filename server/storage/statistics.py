"""What is exported for statistics sites: who agreed to it, read from the tables; and the folder of the files."""

import datetime as dt
import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from server.errors import NotFound
from server.storage.credit_boards import LISTED
from server.storage.database import Database
from server.storage.ledger import day_of

AGREED = f"{LISTED} AND account.is_exported"


class StatisticsStore:
    """Rows as tuples, in the order of their ids; only of accounts that agreed, but for sums. Credit in thousandths."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def users(self) -> list[tuple[Any, ...]]:
        """(id, name, created, credit, team)."""
        return self._database.rows(
            f"SELECT id, name, created_at, credit, team_id FROM account WHERE credit > 0 AND {AGREED} ORDER BY id"
        )

    def hosts(self) -> list[tuple[Any, ...]]:
        """(id, account, credit, processor, system, software, created, last seen, threads, speed, memory)."""
        return self._database.rows(
            "SELECT host.id, account.id, host.credit, processor, system, software, host.created_at, last_seen_at,"
            " threads, speed, memory FROM host JOIN account ON account.id = host.account_id"
            f" WHERE host.credit > 0 AND account.lists_hosts AND {AGREED} ORDER BY host.id"
        )

    def teams(self) -> list[tuple[Any, ...]]:
        """(id, name, founder if it agreed, its name, credit, created, description): those with a member who agreed."""
        return self._database.rows(
            "SELECT team.id, team.name, COALESCE(account.id, 0), COALESCE(account.name, ''), team.credit,"
            f" team.created_at, description FROM team LEFT JOIN account ON account.id = founder AND {AGREED}"
            f" WHERE team.credit > 0 AND EXISTS (SELECT 1 FROM account WHERE team_id = team.id AND {AGREED})"
            " ORDER BY team.id"
        )

    def departed(self, since: dt.datetime) -> tuple[list[int], list[int]]:
        """(accounts, hosts) that were exported and whose account was deleted since then."""
        gone = "account.is_exported AND account.deleted_at >= ?"
        accounts = self._database.rows(f"SELECT id FROM account WHERE {gone} ORDER BY id", since.timestamp())
        hosts = self._database.rows(
            f"SELECT host.id FROM host JOIN account ON account.id = host.account_id WHERE {gone}"
            " AND account.lists_hosts ORDER BY host.id",
            since.timestamp(),
        )
        return [number for (number,) in accounts], [number for (number,) in hosts]

    def sums(self) -> tuple[int, int, int, int]:
        """(accounts, teams, hosts with credit; thousandths of all) of everybody."""
        counts = [self._database.rows(f"SELECT COUNT(*) FROM {t} WHERE credit > 0")[0][0] for t in _TABLES]
        [(total,)] = self._database.rows("SELECT COALESCE(SUM(credit), 0) FROM account")
        return counts[0], counts[1], counts[2], int(total)

    def by_day(self, column: str, since: dt.datetime) -> dict[int, list[tuple[int, int]]]:
        """What each of "account_id", "host_id" or "team" has earned by day: number -> (day, thousandths)."""
        found: dict[int, list[tuple[int, int]]] = {}
        rows = self._database.rows(
            f"SELECT {column}, day, SUM(amount) FROM credit_entry WHERE day >= ? AND {column} IS NOT NULL"
            " GROUP BY 1, 2",
            day_of(since),
        )
        for number, day, amount in rows:
            found.setdefault(int(number), []).append((int(day), int(amount)))
        return found


class StatisticsFolder:
    """The files, whole at every instant: each is written beside its place and renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, parts: Iterable[str]) -> None:
        """Text in ASCII; compressed where the name ends in .gz."""
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f".{name}.new"
        with new.open("wb") as raw:
            if name.endswith(".gz"):
                # Without a time inside: the same statistics make the same file.
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                    packed.writelines(part.encode("ascii") for part in parts)
            else:
                raw.writelines(part.encode("ascii") for part in parts)
            raw.flush()
            os.fsync(raw.fileno())
        new.replace(self._folder / name)

    def files(self) -> list[tuple[str, int, dt.datetime]]:
        """(name, bytes, when it was written) of each, by name."""
        found = sorted(path for path in self._folder.glob("*") if not path.name.startswith("."))
        stats = [(path.name, path.stat()) for path in found]
        return [(name, stat.st_size, dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC)) for name, stat in stats]

    def file(self, name: str) -> Path:
        """Raises NotFound."""
        if name not in {known for known, _, _ in self.files()}:
            raise NotFound()
        return self._folder / name


_TABLES = ("account", "team", "host")
