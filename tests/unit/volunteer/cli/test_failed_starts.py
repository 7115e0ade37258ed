"""A start that fails says why where the person looks: at a terminal there, in a window here."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from volunteer.cli import FAILED, main, telling


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("DAIG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAIG_HOME", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":99999")
    (tmp_path / "config").mkdir()
    return tmp_path


@pytest.fixture
def shown(monkeypatch):
    sentences: list[str] = []
    window = SimpleNamespace(tell=sentences.append)
    monkeypatch.setitem(sys.modules, "volunteer.windows.telling", window)
    return sentences


def spoil(home) -> None:
    (home / "config" / "volunteer.toml").write_text("threads = [[[")


def test_a_broken_settings_file_is_shown_in_a_window(home, shown, capsys):
    spoil(home)
    assert main([]) == FAILED
    (sentence,) = shown
    assert "volunteer.toml" in sentence
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("what", [["--server", "ftp://grid.example"], ["--threads", "many"]])
def test_so_is_an_address_or_an_option_without_sense(home, shown, what):
    assert main(["run", *what]) == FAILED
    assert len(shown) == 1


def test_a_folder_that_cannot_be_written_to_is_shown_as_well(home, shown):
    (home / "state").write_text("a file in the way")
    assert main([]) == FAILED
    assert len(shown) == 1


@pytest.mark.parametrize("how", ["at a terminal", "without windows", "without a display", "another command"])
def test_no_window_comes_where_somebody_reads_along_or_nobody_sees_it(home, shown, monkeypatch, how):
    spoil(home)
    if how == "at a terminal":
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    if how == "without a display":
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    command = {"without windows": ["run", "--headless"], "another command": ["prefs"]}.get(how, [])
    assert main(command) == FAILED
    assert shown == []


def test_without_tk_it_is_a_notification_or_else_nothing(home, monkeypatch):
    spoil(home)
    monkeypatch.setitem(sys.modules, "volunteer.windows.telling", None)
    ran = []
    monkeypatch.setattr(subprocess, "run", lambda words, **_options: ran.append(words))
    monkeypatch.setattr(telling.shutil, "which", lambda _name: None)
    assert main([]) == FAILED
    assert ran == []
    monkeypatch.setattr(telling.shutil, "which", lambda name: f"/usr/bin/{name}")
    (home / "config" / "volunteer.toml").write_text('"<b>" = 1')
    assert main([]) == FAILED
    assert ran[0][0] == "/usr/bin/notify-send"
    assert "&lt;b&gt;" in ran[0][-1]
