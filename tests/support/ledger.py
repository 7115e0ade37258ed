"""A grid's rows, read beside the grid and without its code: what was promised before a fault must hold after it."""

import collections
import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.grid import wait_for

_CREDITED = ("host", "account", "team")
VERDICTS = ("valid", "invalid", "not_finite", "unneeded")


@dataclass(frozen=True)
class Promises:
    """What the grid has said yes to: acknowledged uploads (result -> digest, state) and closed rounds by number."""

    acknowledged: dict[int, tuple[str, str]]
    rounds: dict[int, tuple[Any, ...]]
    used: set[tuple[int, int]]

    def require_kept(self, later: "Promises") -> None:
        """Nothing is lost: the same digests, verdicts that stay, the same closed rounds and uses."""
        for result, (digest, state) in self.acknowledged.items():
            assert later.acknowledged[result][0] == digest, f"result {result} has another digest"
            if state in VERDICTS:
                assert later.acknowledged[result][1] == state, f"the verdict on result {result} has changed"
        for number, row in self.rounds.items():
            assert later.rounds[number] == row, f"round {number} has changed"
        assert self.used <= later.used


class Ledger:
    """Read-only but for `change`; every question opens the file anew, so that a grid may be killed in between."""

    def __init__(self, data: Path) -> None:
        self._file = data / "grid.db"

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with contextlib.closing(self._connection()) as connection:
            return connection.execute(sql, values).fetchall()

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=30)

    def change(self, sql: str, *values: Any) -> None:
        """Behind the grid's back: what would take long to come about."""
        with contextlib.closing(sqlite3.connect(self._file, timeout=30)) as connection, connection:
            connection.execute(sql, values)

    def one(self, sql: str, *values: Any) -> Any:
        """The single number or text that the query finds."""
        return self.rows(sql, *values)[0][0]

    def dump(self, *without: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table but those named: to see that nothing has changed."""
        names = [name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(self.rows(f'SELECT * FROM "{name}"'), key=repr) for name in names if name not in without}

    def promises(self, project: int) -> Promises:
        results = self.rows("SELECT id, digest, state FROM result WHERE project_id = ? AND digest != ''", project)
        closed = self.rows(
            "SELECT number, epoch, target, used, examples, closed_at, loss FROM round"
            " WHERE project_id = ? AND state = 'closed'", project,
        )  # fmt: skip
        uses = self.rows("SELECT epoch, mini_batch FROM mini_batch_use WHERE project_id = ?", project)
        return Promises(
            {number: (digest, state) for number, digest, state in results},
            {row[0]: row[1:] for row in closed},
            set(uses),
        )

    def closed_rounds(self, project: int) -> int:
        return int(self.one("SELECT COUNT(*) FROM round WHERE project_id = ? AND state = 'closed'", project))

    def halfway(self) -> int | None:
        """A leased result of which a heartbeat has said that some of it is done."""
        found = self.rows("SELECT id FROM result WHERE state = 'leased' AND 0 < done AND done < size")
        return int(found[0][0]) if found else None

    def lease_of(self, host: str) -> tuple[int, int] | None:
        """(result, its mini-batches) that the host of that name computes now."""
        found = self.rows(
            "SELECT result.id, result.size FROM result JOIN host ON host.id = result.host_id"
            " WHERE host.name = ? AND result.state = 'leased'", host,
        )  # fmt: skip
        return found[0] if found else None

    def wait_for_lease(self, host: str, seconds: float = 60, explain: Any = lambda: "") -> tuple[int, int]:
        return wait_for(lambda: self.lease_of(host), seconds, explain, every=0.02)  # type: ignore[no-any-return]

    def wait_for_rounds(self, project: int, count: int, seconds: float = 60, explain: Any = lambda: "") -> None:
        """Until so many rounds are closed."""
        wait_for(lambda: self.closed_rounds(project) >= count, seconds, explain)

    def require_each_mini_batch_once_an_epoch(self, project: int, epochs: int) -> None:
        uses = self.rows(
            "SELECT epoch, COUNT(*), COUNT(DISTINCT mini_batch) FROM mini_batch_use"
            " WHERE project_id = ? GROUP BY epoch ORDER BY epoch", project,
        )  # fmt: skip
        of_units = self.rows(
            "SELECT epoch, SUM(size) FROM unit WHERE project_id = ? AND state = 'valid' GROUP BY epoch ORDER BY epoch",
            project,
        )
        mini_batches = self.one("SELECT mini_batches FROM project WHERE id = ?", project)
        assert uses == [(epoch, mini_batches, mini_batches) for epoch in range(epochs)]
        assert of_units == [(epoch, mini_batches) for epoch in range(epochs)]

    def require_credit_right(self) -> None:
        """At any instant: what is valid was credited once, what is not valid keeps nothing, sums are their entries'.

        An entry's worth is recomputed from project and unit: six operations for each multiply-add, in millions.
        """
        with contextlib.closing(self._connection()) as connection:
            connection.execute("BEGIN")
            columns = "host_id, account_id, team, result, amount"
            entries = connection.execute(f"SELECT {columns} FROM credit_entry").fetchall()
            sums = {table: dict(connection.execute(f"SELECT id, credit FROM {table}")) for table in _CREDITED}
            results = connection.execute(
                "SELECT result.id, result.state, 6 * project.operations * unit.size / 1000000 FROM result"
                " JOIN unit ON unit.id = result.unit_id JOIN project ON project.id = result.project_id"
                " JOIN host ON host.id = result.host_id WHERE attachment IS NOT 'the grid'"
            ).fetchall()
        for place, table in enumerate(_CREDITED):
            found = collections.Counter[int]()
            for entry in entries:
                if entry[place] is not None:
                    found[entry[place]] += entry[4]
            said = {number: credit for number, credit in sums[table].items() if credit}
            assert said == {number: credit for number, credit in found.items() if credit}, f"credit of each {table}"
        granted: dict[int, list[int]] = collections.defaultdict(list)
        for *_, result, amount in entries:
            granted[result].append(amount)
        twice = {result: amounts for result, amounts in granted.items() if sum(one > 0 for one in amounts) != 1}
        assert twice == {}, "granted more than once, or taken back without having been granted"
        for result, state, worth in results:
            left = sum(granted[result])
            if state == "valid":
                assert left == max(worth, 1), f"result {result} is valid, and has {left} of {worth}"
            elif state not in ("held", "unneeded"):
                assert left == 0, f"result {result} is {state}, and has {left}"

    def require_nobody_blamed(self) -> None:
        assert self.one("SELECT COUNT(*) FROM result WHERE state = 'invalid'") == 0
