from pathlib import Path

import pytest

from server.domain.draft_checker import Checked
from server.storage.tables import Draft
from tests.support.domain_grid import DomainGrid


def test_drafts_are_checked_by_turns_of_their_owners(
    grid: DomainGrid, owner: int, stranger: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now) for _ in range(3)]
    late: list[int] = []
    looked: list[int] = []
    look = grid.checker._look

    def noted(draft: Draft, out: Path) -> Checked:
        looked.append(draft.id)
        if not late:
            late.append(grid.drafts.start(stranger, grid.form(), grid.files(10, 40), grid.now))
        return look(draft, out)

    monkeypatch.setattr(grid.checker, "_look", noted)
    assert grid.checker.run_pass(grid.now) == 4
    assert late[0] in looked[:3], "who came in the middle is not behind all of them"
    assert sorted(looked) == sorted([*many, *late])
