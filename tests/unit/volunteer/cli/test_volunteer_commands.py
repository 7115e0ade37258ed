"""What the commands say, ask and answer with, with a running app that is a stand-in, and with none."""

import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from volunteer.cli import FAILED, NOT_RUNNING, OK, SENSELESS, main
from volunteer.cli.asking import lines_of
from volunteer.config import Folders
from volunteer.control.answers import Answers
from volunteer.control.messages import Activity, Done, Link, Status, Window
from volunteer.control.server import ControlServer
from volunteer.control.unix_socket import UnixDoor
from volunteer.errors import StopAndTell
from volunteer.preferences.file import load
from volunteer.preferences.pausing import PAUSE_FILE, Pause, PauseFile
from volunteer.spool.lock import HomeLock

SERVER = "https://grid.example"
TRAINING = Status(
    version=1, activity=Activity.training, sentence="Training.", server=SERVER, host_name="desk", units_today=2,
    credit=40,
)  # fmt: skip


class App:
    """Does what it is told at once. `statuses` come one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.asked = []
        self.statuses = [TRAINING]
        self.over = None
        self.offered = ""
        self.good_for = timedelta(minutes=10)

    def status(self):
        return self.statuses[0]

    def wait_for_change(self, _version, _timeout):
        if len(self.statuses) > 1:
            self.statuses.pop(0)
        return self.statuses[0]

    def quit(self):
        self.asked.append(("quit",))
        self.over()

    def link(self, request):
        self.asked.append(("link", request.server))
        return Link("ABCD-EFGH", f"{SERVER}/device?code=ABCD-EFGH", datetime.now(UTC) + self.good_for)

    def check_for_updates(self):
        if not self.offered:
            raise StopAndTell("The grid offers no programs.")
        self.statuses = [Status(version=9, activity=Activity.training, sentence="T", update=self.offered)]
        return Done(f"Version {self.offered} is on offer.")

    def __getattr__(self, name):
        def ask(*arguments):
            self.asked.append((name, *arguments))
            return Done(f"{name} done")

        return ask


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("DAIG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAIG_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def app(home):
    app = App()
    folders = Folders.below(home)
    server = ControlServer(UnixDoor(folders.state, os.getuid()), Answers(app, app, folders.config))
    app.over = server.close
    yield app
    server.close()


@pytest.fixture
def said(capsys):
    return lambda: capsys.readouterr().out


def test_status_for_people(app, said):
    assert main(["status"]) == OK
    assert said() == "Training.\nGrid: https://grid.example, as desk\nToday: 2 units, credit 40\n"


def test_status_says_reasons_and_what_protects_nobody():
    status = Status(
        version=1, activity=Activity.paused, sentence="Paused while blender runs.",
        missing_protection=["Training could reach it."],
        reasons=["Paused while blender runs.", "The computer runs on its battery."], server=SERVER, units_today=1,
        update="9.9",
    )  # fmt: skip
    assert lines_of(status) == [
        "Paused while blender runs.", "  The computer runs on its battery.", f"Grid: {SERVER}", "Today: 1 unit",
        "Training could reach it.", "Version 9.9 is on offer.",
    ]  # fmt: skip


def test_status_for_programs(app, said):
    app.statuses = [
        Status(version=3, activity=Activity.paused, sentence="P", paused_until=datetime(2026, 1, 1, tzinfo=UTC))
    ]
    assert main(["status", "--json"]) == OK
    values = json.loads(said())
    assert (values["running"], values["activity"], values["version"]) == (True, "paused", 3)
    assert values["paused_until"] == "2026-01-01T00:00:00Z"
    assert "reply" not in values


@pytest.mark.parametrize("arguments", [["status"], ["quit"], ["check-update"]])
def test_without_an_app_that_is_said_by_a_number_of_its_own(home, capsys, arguments):
    assert main(arguments) == NOT_RUNNING
    assert "not running" in capsys.readouterr().err


def test_status_for_programs_without_an_app(home, said):
    assert main(["status", "--json"]) == NOT_RUNNING
    assert json.loads(said()) == {"running": False}


def test_pausing(app, said):
    assert main(["pause"]) == OK
    assert main(["pause", "--for", "2h", "--after-unit"]) == OK
    (_, none, now), (_, until, after) = app.asked
    assert (none, now, after) == (None, False, True)
    assert abs((until - datetime.now(UTC)).total_seconds() - 7200) < 60
    assert main(["resume"]) == OK
    assert app.asked[-1] == ("resume",)
    words = said()
    assert words.startswith("Paused.\nPaused until ")
    assert "after this unit" in words


def test_the_end_of_a_pause_is_said_as_the_status_says_it(app, said):
    assert main(["pause", "--for", "3d"]) == OK
    until = app.asked[0][1].astimezone()
    assert said() == f"Paused until {until:%A, %H:%M}.\n"


def test_resuming_says_what_is_done_then(app, said):
    paused = Status(version=1, activity=Activity.paused, sentence="Paused until you resume.", pause_why="person")
    outside = "Waiting for the hours in which this computer works."
    app.statuses = [paused, paused, Status(version=2, activity=Activity.paused, sentence=outside)]
    assert main(["resume"]) == OK
    assert said() == f"{outside}\n"


def test_pausing_an_app_that_does_not_run_counts_at_its_start(home, said):
    file = PauseFile(Folders.below(home).state / PAUSE_FILE)
    assert main(["pause", "--until", "tomorrow"]) == OK
    assert "not running" in said()
    pause = file.load()
    assert (pause.why, pause.until > datetime.now(UTC)) == ("person", True)
    assert main(["pause"]) == OK
    assert file.load() == Pause()
    assert main(["resume"]) == OK
    assert file.load() is None


def test_pausing_an_app_that_nobody_has_started_yet_does_not_start_it(home):
    file = PauseFile(Folders.below(home).state / PAUSE_FILE)
    file.save(Pause(None, "not_started"))
    assert main(["pause", "--for", "2h"]) == OK
    assert file.load() == Pause(None, "not_started")


@pytest.mark.parametrize("arguments", [["pause"], ["resume"], ["prefs", "set", "gpu", "yes"]])
def test_an_app_that_is_just_starting_is_waited_for_and_asked(home, said, arguments):
    folders, app = Folders.below(home), App()
    lock = HomeLock(folders.state / "lock")
    servers = []
    begin = threading.Timer(
        0.3, lambda: servers.append(ControlServer(UnixDoor(folders.state, os.getuid()), Answers(app, app, home)))
    )
    begin.start()
    try:
        assert main(arguments) == OK
        assert len(app.asked) == 1
        assert "not running" not in said()
        assert PauseFile(folders.state / PAUSE_FILE).load() is None
    finally:
        begin.join()
        lock.release()
        servers[0].close()


def test_an_app_that_runs_and_does_not_listen_is_not_said_to_be_away(home, capsys, monkeypatch):
    monkeypatch.setattr("volunteer.cli.alone._PATIENCE_SECONDS", 0.1)
    lock = HomeLock(Folders.below(home).state / "lock")
    try:
        assert main(["pause"]) == FAILED
    finally:
        lock.release()
    assert "cannot be asked" in capsys.readouterr().err
    assert PauseFile(Folders.below(home).state / PAUSE_FILE).load() is None


@pytest.mark.parametrize("option", [["--for", "soon"], ["--until", "25:00"], ["--for", "0h"]])
def test_a_pause_without_sense_is_refused(app, capsys, option):
    assert main(["pause", *option]) == SENSELESS
    assert "daig-volunteer:" in capsys.readouterr().err
    assert app.asked == []


@pytest.mark.parametrize(
    "arguments",
    [["pause", "--for", "2h", "--until", "tomorrow"], ["dance"], ["window", "none"], ["status", "--loud"],
     ["attach", "u", "--join-key", "a", "--join-file", "b"], ["prefs", "drop"]],
)  # fmt: skip
def test_a_command_line_without_sense(home, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_quitting_waits_until_the_app_is_gone(app, said):
    assert main(["quit"]) == OK
    assert app.asked == [("quit",)]
    assert "ended" in said()


def test_an_app_that_stays_is_told(app, capsys, monkeypatch):
    monkeypatch.setattr("volunteer.cli.asking._END_SECONDS", 0.05)
    app.over = lambda: None
    assert main(["quit"]) == FAILED
    assert "not ended" in capsys.readouterr().err


def test_preferences_through_the_app_and_without_it(home, said, request):
    for running in (False, True):
        if running:
            app = request.getfixturevalue("app")
        assert main(["prefs", "set", "threads", "2", "on-battery", "yes"]) == OK
        words = said()
        assert "threads = 2\non_battery = yes\n" in words
        assert ("not running" in words) != running
        assert main(["prefs", "get", "threads"]) == OK
        assert said() == "2\n"
        assert main(["prefs"]) == OK
        words = said()
        assert "cpu_percent     100 %\n" in words
        assert "download_limit  none\n" in words
        assert main(["prefs", "show", "--json"]) == OK
        assert json.loads(said())["threads"] == 2
        assert main(["prefs", "set", "threads", "all", "--json"]) == OK
        assert json.loads(said()) == {"threads": None}
    assert app.asked == [("reload_preferences",)] * 2
    assert load(home / "config").threads is None


@pytest.mark.parametrize(
    "words",
    [
        ["get"],
        ["get", "speed"],
        ["set"],
        ["set", "threads"],
        ["set", "speed", "9"],
        ["set", "threads", "x"],
        ["show", "threads"],
    ],
)
def test_preferences_that_there_are_not(home, capsys, words):
    assert main(["prefs", *words]) == SENSELESS
    assert "daig-volunteer:" in capsys.readouterr().err


def test_attaching_by_a_key(app, said, tmp_path):
    (tmp_path / "key").write_text("the-join-key\n")
    assert main(["attach", SERVER, "--join-key-file", str(tmp_path / "key")]) == OK
    ((_, request),) = app.asked
    assert (request.server, request.join_key, request.insecure_http) == (SERVER, "the-join-key", False)
    assert said() == "attach done\n"


def test_attaching_by_a_join_file(app, tmp_path):
    (tmp_path / "daig-join.toml").write_text(f'server = "{SERVER}"\njoin_key = "k" \nfingerprint = "{"ab" * 32}"\n')
    assert main(["attach", "--join-file", str(tmp_path / "daig-join.toml")]) == OK
    ((_, request),) = app.asked
    assert (request.server, request.join_key, request.fingerprint) == (SERVER, "k", "ab" * 32)


def test_attaching_by_a_code_waits_until_it_is_confirmed(app, said):
    waiting = Status(version=1, activity=Activity.not_attached, sentence="Confirm.")
    confirmed = Status(version=3, activity=Activity.waiting_for_work, sentence="Waiting for work.", server=SERVER)
    app.statuses = [waiting, Status(version=2, activity=Activity.not_attached, sentence="Confirm."), confirmed]
    assert main(["attach", SERVER]) == OK
    words = said()
    assert app.asked == [("link", SERVER)]
    assert "confirm the code ABCD-EFGH" in words
    assert f"{SERVER}/device?code=ABCD-EFGH" in words
    assert words.endswith("Waiting for work.\n")


def test_a_code_that_is_refused_ends_the_waiting(app, capsys):
    app.statuses = [
        Status(version=1, activity=Activity.not_attached, sentence="Confirm."),
        Status(version=2, activity=Activity.needs_attention, sentence="Somebody has refused."),
    ]
    assert main(["attach", SERVER]) == FAILED
    assert "Somebody has refused." in capsys.readouterr().err


def test_a_host_of_another_grid_is_told_of_a_refusal_at_once(app, capsys):
    refused = msgspec.structs.replace(TRAINING, version=2, link_trouble="Somebody has refused.")
    app.statuses = [TRAINING, refused]
    assert main(["attach", "https://another.example"]) == FAILED
    assert "Somebody has refused." in capsys.readouterr().err


def test_a_host_of_another_grid_does_not_wait_for_ever_for_a_code_that_nobody_confirmed(app, capsys):
    app.good_for = timedelta(minutes=-5)
    assert main(["attach", "https://another.example"]) == FAILED
    assert "Nobody confirmed the code." in capsys.readouterr().err


def test_plain_http_to_another_machine_needs_a_word(app, capsys):
    assert main(["attach", "http://grid.example", "--join-key", "k"]) == FAILED
    assert "in clear" in capsys.readouterr().err
    assert main(["attach", "http://grid.example", "--join-key", "k", "--insecure-http"]) == OK
    assert app.asked[-1][1].insecure_http


def test_detaching(app, said):
    assert main(["detach"]) == OK
    assert (app.asked, said()) == ([("detach",)], "detach done\n")


def test_detaching_without_app_and_grid_names_nothing_that_it_does_not_take(home, capsys):
    assert main(["detach"]) == FAILED
    assert capsys.readouterr().err == "daig-volunteer: This computer is attached to no grid.\n"


def test_what_the_app_refuses_is_said(app, capsys):
    assert main(["check-update"]) == FAILED
    assert "The grid offers no programs." in capsys.readouterr().err


def test_an_update_is_fetched_when_that_is_said(app, said):
    app.offered = "9.9"
    assert main(["check-update"]) == OK
    assert (said(), app.asked) == ("Version 9.9 is on offer.\n", [])
    assert main(["check-update", "--install"]) == OK
    assert (said(), app.asked) == ("Version 9.9 is on offer.\ninstall_update done\n", [("install_update",)])


def test_a_second_start_brings_up_the_first(app, home, monkeypatch, said):
    monkeypatch.setenv("DISPLAY", ":99")
    lock = HomeLock(Folders.below(home).state / "lock")
    try:
        assert main([]) == OK
        ((show, window, session),) = app.asked
        assert (show, window, session["DISPLAY"]) == ("show", Window.control, ":99")
        assert said() == "DAIG is running already.\n"
        app.asked.clear()
        assert main(["run", "--headless", "--server", SERVER]) == FAILED
        assert app.asked == []
    finally:
        lock.release()


def test_a_python_without_tkinter_is_told(home, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "volunteer.windows.opening", None)
    assert main(["window", "about"]) == FAILED
    assert "python3-tk" in capsys.readouterr().err


def test_a_python_without_what_the_icon_needs_tells_the_app(app, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "volunteer.tray.icon", None)
    assert main(["tray"]) == FAILED
    assert app.asked == [("tray_shown", False), ("tray_reported", False)]
    assert "not installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["pause"], ["run", "--headless", "--server", SERVER], ["prefs", "set", "gpu", "yes"]]
)
def test_a_home_that_cannot_be_written_to_is_told(home, capsys, arguments):
    for name in ("config", "state"):
        (home / name).write_text("a file in the way")
    assert main(arguments) == FAILED
    assert capsys.readouterr().err.startswith("daig-volunteer: ")
