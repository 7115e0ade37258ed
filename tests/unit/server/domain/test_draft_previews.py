"""What was found in a draft's files is shown, and what was done to the data is recorded with the project."""

import msgspec
import pytest

from tests.support.domain_grid import DomainGrid


def test_what_was_found_in_the_files_is_shown_whether_or_not_all_is_well(grid: DomainGrid, owner: int) -> None:
    good = grid.drafts.start(owner, grid.form(), grid.files(10, 40), grid.now)
    files = grid.files("refuse: It is no model.", 40)
    bad = grid.drafts.start(owner, grid.form(scaling="much"), files, grid.now)
    grid.checker.run_pass(grid.now)
    assert grid.drafts.view(owner, good).preview["data"]["rows"] == 40
    view = grid.drafts.view(owner, bad)
    assert view.preview["data"]["kind"] == "npy"
    assert {problem.field for problem in view.problems} == {"model", "scaling"}


def test_a_project_records_what_was_done_to_its_data(
    grid: DomainGrid, owner: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_data = grid.intake.check_data
    done = {"version": 1, "labels": {"classes": ["cat", "dog"]}}
    monkeypatch.setattr(
        grid.intake, "check_data", lambda request: msgspec.structs.replace(check_data(request), preprocessing=done)
    )
    assert grid.row(grid.project(owner)).preprocessing == done
