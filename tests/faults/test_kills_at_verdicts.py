"""kill -9 of the judge before single statements by which it gives verdicts, credit and quarantine."""

import subprocess
import sys
from pathlib import Path

import pytest

from server.rules.states import Purpose, ResultState, UnitState
from server.storage.tables import CreditEntry, Host
from tests.support.domain_grid import DomainGrid
from tests.support.dying_judge import POLICY
from tests.support.judging import deliver, flipped, honest, host_of_its_own, judge, row, speak, unit_of

pytestmark = pytest.mark.faults
TRUSTED = 10**6


@pytest.mark.parametrize(
    ("before", "fewest"), [("credit", 15), pytest.param("all", 60, marks=pytest.mark.long)]
)
def test_a_judge_that_dies_between_verdict_and_credit_leaves_neither_and_the_next_gives_both_once(
    tmp_path: Path, before: str, fewest: int
) -> None:
    """A liar with trust has counted and earned; a referee refutes it twice. Two newcomers agree with each other."""
    grid = DomainGrid(tmp_path / "grid", POLICY)
    grid.project(grid.person("owner"), examples=160, k=30)
    liar, fresh, second, referee = (host_of_its_own(grid, name) for name in ("liar", "fresh", "second", "referee"))
    Host.update(trust=TRUSTED).where(Host.id == liar.id).execute()
    grid.stores.accounts.change(liar.row.account_id, trust=TRUSTED)
    Host.update(is_referee=True).where(Host.id == referee.id).execute()
    lies = [deliver(grid, liar, flipped), deliver(grid, liar, flipped)]
    judge(grid)
    unseen = deliver(grid, liar, honest)
    judge(grid)
    assert {row(grid, result).state for result in [*lies, unseen]} == {ResultState.valid}
    for lie in lies:
        speak(grid, referee, unit_of(grid, lie).id, purpose=Purpose.audit)
    held = deliver(grid, fresh)
    check = speak(grid, second, unit_of(grid, held).id)
    assert grid.audit.findings(grid.now) == []
    grid.stores.database.close()
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.dying_judge", str(grid.folder), grid.now.isoformat(), before],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"died before each of {done.stdout.strip()} statements")
    assert int(done.stdout) > fewest
    grid.restart()
    assert grid.audit.findings(grid.now) == []
    found = Host.get_by_id(liar.id)
    assert (found.refuted, found.credit, found.quarantined_at is None) == (2, 0, False)
    assert {row(grid, lie).state for lie in lies} == {ResultState.invalid}
    assert unit_of(grid, unseen).state is UnitState.open
    assert [row(grid, one).state for one in (held, check.id)] == [ResultState.valid, ResultState.valid]
    assert Host.get_by_id(fresh.id).credit == Host.get_by_id(second.id).credit > 0
    assert CreditEntry.select().where(CreditEntry.amount < 0).count() >= 2
    grid.stores.database.close()
