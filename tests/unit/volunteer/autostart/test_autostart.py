"""The app starts at log-in when its person wants that, and leaves nothing behind when not."""

import configparser
import plistlib
import shutil
import subprocess
import sys

import pytest

from volunteer.autostart.autostart import autostart_of
from volunteer.autostart.linux import NAME, DesktopEntry, exec_line
from volunteer.autostart.macos import LABEL, LaunchAgent

ODD = ["run", "--home", 'a"b\\c 50%`$HOME']
COMMAND = ["/opt/daig-volunteer", *ODD]


@pytest.fixture
def entry(tmp_path):
    environment = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": f"{tmp_path}/etc:{tmp_path}/other"}
    return DesktopEntry(COMMAND, environment), tmp_path / ".config" / "autostart" / NAME


def read(path):
    parser = configparser.RawConfigParser(delimiters="=", strict=True)
    parser.optionxform = str
    parser.read(path, "utf-8")
    return dict(parser["Desktop Entry"])


def words(line):
    """Taken apart again: first as any string of such a file, then as a shell takes quotes."""
    plain = line.replace("\\\\", "\\")
    said = subprocess.run(["sh", "-c", f"printf '%s\\0' {plain}"], capture_output=True, text=True, check=True).stdout
    return [word.replace("%%", "%") for word in said.split("\0")[:-1]]


def test_an_entry_is_written_once_and_taken_away(entry):
    autostart, path = entry
    autostart.follow(True)
    assert words(read(path)["Exec"]) == COMMAND
    assert read(path)["TryExec"] == COMMAND[0]
    written = path.stat().st_mtime_ns
    autostart.follow(True)
    assert path.stat().st_mtime_ns == written
    autostart.follow(False)
    autostart.follow(False)
    assert list(path.parent.iterdir()) == []


def test_an_entry_for_everybody_is_hidden_by_ones_own(entry, tmp_path):
    autostart, path = entry
    everybodys = tmp_path / "other" / "autostart" / NAME
    everybodys.parent.mkdir(parents=True)
    everybodys.write_text("[Desktop Entry]\nExec=daig-volunteer\n")
    autostart.follow(False)
    assert read(path)["Hidden"] == "true"
    assert "Exec" not in read(path)
    autostart.follow(True)
    assert "Hidden" not in read(path)


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-utils is not installed")
@pytest.mark.parametrize("everybodys", [False, True])
def test_the_desktops_own_checker_finds_no_fault(entry, tmp_path, everybodys):
    autostart, path = entry
    if everybodys:
        (tmp_path / "etc" / "autostart").mkdir(parents=True)
        (tmp_path / "etc" / "autostart" / NAME).touch()
    for wanted in (True, False):
        autostart.follow(wanted)
        if path.exists():
            done = subprocess.run(["desktop-file-validate", path], capture_output=True, text=True, check=False)
            assert done.stdout + done.stderr == ""
    assert path.exists() is everybodys


def test_plain_words_need_no_quotes():
    assert exec_line(["/usr/bin/daig-volunteer", "run"]) == "/usr/bin/daig-volunteer run"
    assert exec_line(["a b", ""]) == '"a b" ""'


def test_glib_reads_the_very_words_that_were_written(tmp_path):
    gio = pytest.importorskip("gi.repository.Gio")
    glib = pytest.importorskip("gi.repository.GLib")
    program = tmp_path / "My $Programs" / "daig-volunteer"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    DesktopEntry([str(program), *ODD], {"HOME": str(tmp_path)}).follow(True)
    app = gio.DesktopAppInfo.new_from_filename(str(tmp_path / ".config" / "autostart" / NAME))
    read_words = glib.shell_parse_argv(app.get_commandline())[1]
    assert [word.replace("%%", "%") for word in read_words] == [str(program), *ODD]


def test_an_agent_of_macos_is_a_property_list(tmp_path):
    agent, path = LaunchAgent(COMMAND, tmp_path), tmp_path / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    agent.follow(True)
    agent.follow(True)
    assert plistlib.loads(path.read_bytes())["ProgramArguments"] == COMMAND
    agent.follow(False)
    assert list(path.parent.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="where an entry is written depends on the platform")
def test_this_machines_own_is_in_the_persons_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    autostart_of(["/usr/bin/daig-volunteer"]).follow(True)
    assert (tmp_path / ".config" / "autostart" / NAME).exists()
