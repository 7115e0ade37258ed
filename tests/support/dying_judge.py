"""Judges what was reported on a grid's folder, in processes that die by SIGKILL before one statement after the other.

`python -m tests.support.dying_judge FOLDER NOW all|credit`: before all that change something, or before those that move
credit and the ends of transactions. After each death another judge, undisturbed, must come to the same end as if nobody
had died. Says how many have died.
"""

import datetime as dt
import itertools
import os
import re
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from server.domain.letters import Letters
from server.domain.notices import Notices
from server.domain.plans import Plans
from server.domain.validator import Validator
from server.rules.validation_policy import ValidationPolicy
from server.storage.stores import open_stores
from server.storage.table import proxy
from tests.support.ledger import Ledger

NAME = "grid.db"
POLICY = ValidationPolicy(quorum=2, least_check=0.0)
CHOSEN = {
    "all": re.compile("(?!SELECT|PRAGMA)"),
    "credit": re.compile("COMMIT|INSERT INTO credit_entry|UPDATE (host|account) SET credit"),
}
END = (
    "SELECT result, kind, amount FROM credit_entry ORDER BY result, kind",
    "SELECT id, state, confirmed_at IS NULL FROM result ORDER BY id",
    "SELECT id, state, canonical, opinions, seeks, audit FROM unit ORDER BY id",
    "SELECT number, state, used, examples, refuted FROM round ORDER BY number",
    "SELECT id, trust, confirmed, refuted, quarantined_at IS NULL, credit FROM host ORDER BY id",
    "SELECT id, trust, credit FROM account ORDER BY id",
    "SELECT what, subject FROM action ORDER BY id",
)
"""What must come out the same; rows may have other numbers of their own."""


def main() -> None:
    folder, now, chosen = Path(sys.argv[1]), dt.datetime.fromisoformat(sys.argv[2]), CHOSEN[sys.argv[3]]
    kept = folder / "before"
    shutil.copy(folder / NAME, kept)
    assert _dies(folder, now, chosen, 0) == 0
    expected = _end(folder)
    for statement in itertools.count(1):
        _put_back(folder, kept)
        ended = _dies(folder, now, chosen, statement)
        Ledger(folder).require_credit_right()
        if ended == 0:
            print(statement - 1)
            return
        assert ended == -signal.SIGKILL
        assert _dies(folder, now, chosen, 0) == 0
        assert _end(folder) == expected, f"killed before statement {statement}"


def _put_back(folder: Path, kept: Path) -> None:
    for name in (f"{NAME}-wal", f"{NAME}-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(kept, folder / NAME)


def _dies(folder: Path, now: dt.datetime, chosen: re.Pattern[str], before: int) -> int:
    """The exit code of a process that judges, and dies before that one of the chosen statements; 0: before none."""
    pid = os.fork()
    if pid == 0:
        try:
            _judge(folder, now, chosen, before)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _judge(folder: Path, now: dt.datetime, chosen: re.Pattern[str], before: int) -> None:
    stores = open_stores(folder)
    notices = Notices(stores, Letters(stores, True, "test grid"), "https://grid.test/")
    validator = Validator(stores, Plans(stores.blobs), notices, lambda duty: None, POLICY)
    seen = itertools.count(1)

    def hear(sql: str) -> None:
        if chosen.match(sql) and next(seen) == before:
            os.kill(os.getpid(), signal.SIGKILL)

    proxy.connection().set_trace_callback(hear)
    while validator.run_pass(now):
        pass
    proxy.connection().set_trace_callback(None)
    stores.database.close()


def _end(folder: Path) -> list[list[tuple[Any, ...]]]:
    return [Ledger(folder).rows(sql) for sql in END]


if __name__ == "__main__":
    main()
