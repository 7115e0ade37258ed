"""What is done is noted with it, and what is not done is not."""

import pytest

from server.domain.action_log import THE_GRID, ActionLog
from tests.support.domain_grid import DomainGrid


def test_who_and_what_is_noted_with_the_name_of_that_time(grid: DomainGrid, operator: int) -> None:
    log = ActionLog(grid.stores)
    with grid.stores.database.write():
        log.note(operator, "released host", "attic (3)", "its memory was replaced", grid.now)
        log.note(None, "quarantined host", "attic (3)", "3 of 20 units were wrong", grid.now)
    mine, theirs = grid.stores.actions.newest(9)[::-1]
    assert (mine.actor, mine.actor_name, mine.at) == (operator, "operator", grid.now)
    assert (mine.what, mine.subject, mine.detail) == ("released host", "attic (3)", "its memory was replaced")
    assert (theirs.actor, theirs.actor_name) == (None, THE_GRID)


def test_a_note_goes_with_the_transaction_that_it_is_written_in(grid: DomainGrid, operator: int) -> None:
    def fails() -> None:
        with grid.stores.database.write():
            ActionLog(grid.stores).note(operator, "released host", "attic (3)", "", grid.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert grid.stores.actions.newest(9) == []


def test_a_name_with_line_breaks_forges_no_line(
    grid: DomainGrid, operator: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "daig.audit")
    with grid.stores.database.write():
        ActionLog(grid.stores).note(operator, "released machine", "attic\nroot (1) blocked account", "a\r\nb", grid.now)
    [row] = grid.stores.actions.newest(9)
    assert (row.subject, row.detail) == ("attic root (1) blocked account", "a b")
    assert all("\n" not in record.getMessage() for record in caplog.records)
