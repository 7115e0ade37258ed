"""Which request does what."""

import threading
from datetime import UTC, datetime

import pytest

from volunteer.control.answers import MOST_WAITING, Answers
from volunteer.control.messages import (
    Activity,
    AttachRequest,
    CheckForUpdates,
    DetachRequest,
    Done,
    GetPreferences,
    InstallUpdate,
    Link,
    LinkRequest,
    PauseRequest,
    PreferenceValues,
    QuitRequest,
    Reply,
    ResumeRequest,
    SetPreferences,
    ShowRequest,
    Status,
    StatusRequest,
    TrayReport,
    Window,
)
from volunteer.errors import RetryLater, StopAndTell
from volunteer.preferences.file import load
from volunteer.preferences.preferences import Preferences
from volunteer.protocol.messages import decode, encode

THEN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LINK = Link("ABCD-EFGH", "https://grid.example/device?code=ABCD-EFGH", THEN)
ATTACH = AttachRequest("https://grid.example", "key")
STATUS = Status(version=7, activity=Activity.training, sentence="Training.")


class App:
    """Writes down what it is asked; its status stays at version 7 until `changed` is set."""

    def __init__(self) -> None:
        self.asked = []
        self.changed = threading.Event()

    def status(self):
        return STATUS

    def wait_for_change(self, version, timeout):
        self.asked.append(("wait", version, timeout))
        return Status(version=8, activity=Activity.paused, sentence="Paused.") if self.changed.is_set() else STATUS

    def __getattr__(self, name):
        def ask(*arguments):
            self.asked.append((name, *arguments))
            return LINK if name == "link" else Done(name)

        return ask


@pytest.fixture
def app():
    return App()


@pytest.fixture
def answers(app, tmp_path):
    return Answers(app, app, tmp_path)


def ask(answers, request, still_there=lambda: True) -> Reply:
    return answers(request, still_there)


@pytest.mark.parametrize(
    ("request_", "asked", "reply"),
    [
        (PauseRequest(THEN), [("pause", THEN, False)], Done()),
        (PauseRequest(after_unit=True), [("pause", None, True)], Done()),
        (ResumeRequest(), [("resume",)], Done()),
        (QuitRequest(), [("quit",)], Done()),
        (ATTACH, [("attach", ATTACH)], Done("attach")),
        (LinkRequest("https://g.example"), [("link", LinkRequest("https://g.example"))], LINK),
        (DetachRequest(), [("detach",)], Done("detach")),
        (ShowRequest(Window.about, {"DISPLAY": ":1"}), [("show", Window.about, {"DISPLAY": ":1"})], Done("show")),
        (TrayReport(True), [("tray_shown", True), ("tray_reported", True)], Done()),
        (CheckForUpdates(), [("check_for_updates",)], Done("check_for_updates")),
        (InstallUpdate(), [("install_update",)], Done("install_update")),
        (StatusRequest(), [], STATUS),
    ],
)
def test_each_request_reaches_its_place(answers, app, request_, asked, reply):
    assert ask(answers, request_) == reply
    assert app.asked == asked
    assert decode(encode(request_), type(request_)) == request_
    assert decode(encode(reply), Reply) == reply


def test_news_are_waited_for_and_a_dead_program_is_not(answers, app):
    waiting = StatusRequest(after=7, wait_seconds=5.0)
    assert ask(answers, waiting).version == 7
    assert [seconds for _wait, _version, seconds in app.asked] == [2.0, 2.0, 1.0]
    app.asked.clear()
    ask(answers, waiting, still_there=lambda: False)
    assert len(app.asked) == 1
    app.asked.clear()
    app.changed.set()
    assert ask(answers, waiting).version == 8
    assert len(app.asked) == 1


def test_those_who_wait_leave_room_for_those_who_do_not(answers, app, monkeypatch):
    inside, go = threading.Semaphore(0), threading.Event()

    def wait(_version, _timeout):
        inside.release()
        go.wait(5)
        return STATUS

    monkeypatch.setattr(app, "wait_for_change", wait, raising=False)
    waiters = [
        threading.Thread(target=ask, args=(answers, StatusRequest(after=7, wait_seconds=1)))
        for _ in range(MOST_WAITING)
    ]
    for one in waiters:
        one.start()
    for _ in waiters:
        assert inside.acquire(timeout=5)
    with pytest.raises(RetryLater):
        ask(answers, StatusRequest(after=7, wait_seconds=1))
    assert ask(answers, StatusRequest()) == STATUS
    go.set()
    for one in waiters:
        one.join(5)
    assert ask(answers, StatusRequest(after=7)) == STATUS


def test_preferences_are_changed_all_or_none_and_the_app_hears_of_it(answers, app, tmp_path):
    reply = ask(answers, SetPreferences({"threads": "3", "pause_while": "blender, zoom"}))
    assert isinstance(reply, PreferenceValues)
    assert (reply.values["threads"], reply.values["pause_while"]) == (3, ["blender", "zoom"])
    assert app.asked == [("reload_preferences",)]
    assert ask(answers, GetPreferences()) == reply
    for wrong in ({"threads": "4", "cpu_percent": "200"}, {"threads": "4", "speed": "9"}):
        with pytest.raises(StopAndTell):
            ask(answers, SetPreferences(wrong))
    assert load(tmp_path) == Preferences(threads=3, pause_while=("blender", "zoom"))
    assert len(app.asked) == 1
