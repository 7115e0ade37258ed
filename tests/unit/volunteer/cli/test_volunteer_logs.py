import logging
import stat
import sys

import pytest

from volunteer.cli.logs import LOG_FILE, begin
from volunteer.config import Folders


@pytest.fixture
def bare(monkeypatch):
    """Takes pytest's handlers from the root logger, for the test alone."""
    root = logging.getLogger()
    ours: list[logging.Handler] = []

    def take() -> None:
        ours.extend(root.handlers)
        monkeypatch.setattr(root, "handlers", [])
        monkeypatch.setattr(root, "level", logging.WARNING)

    yield take
    for handler in root.handlers:
        if handler not in ours:
            handler.close()


def test_on_a_desktop_the_log_is_kept_in_a_file_of_the_owners(tmp_path, capsys, bare):
    bare()
    folders = Folders.below(tmp_path)
    begin(logging.INFO, folders)
    logging.getLogger("volunteer").info("hello")
    assert "INFO hello" in (folders.state / LOG_FILE).read_text()
    assert stat.S_IMODE(folders.state.stat().st_mode) == 0o700
    assert "INFO hello" in capsys.readouterr().err


def test_otherwise_there_is_no_file(tmp_path, capsys, bare):
    bare()
    begin(logging.WARNING)
    logging.getLogger("volunteer").info("hello")
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_a_program_without_a_console_logs_all_the_same(tmp_path, monkeypatch, bare):
    bare()
    monkeypatch.setattr(sys, "stderr", None)
    begin(logging.INFO, Folders.below(tmp_path))
    logging.getLogger("volunteer").info("hello")
    assert "hello" in (tmp_path / "state" / LOG_FILE).read_text()


def test_a_program_without_console_and_file_is_silent(monkeypatch, bare):
    bare()
    monkeypatch.setattr(sys, "stderr", None)
    begin(logging.INFO)
    (only,) = logging.getLogger().handlers
    assert isinstance(only, logging.NullHandler)


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path, capsys, bare):
    bare()
    (tmp_path / "state").write_text("in the way")
    begin(logging.INFO, Folders.below(tmp_path))
    assert "no log file can be kept" in capsys.readouterr().err
