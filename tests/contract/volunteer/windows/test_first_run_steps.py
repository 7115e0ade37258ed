"""The first window's steps, within this process on an X display: what is said, and what is asked, in each of them."""

import gc
import tkinter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from tkinter import ttk
from typing import Any

import msgspec
import pytest

from tests.support.desktop import Desktop
from volunteer.control.menu import Picture
from volunteer.control.messages import Activity, Link, LinkRequest, Status
from volunteer.errors import StopAndTell
from volunteer.windows.first_run import EXPIRED, IN_CLEAR, WORKS, FirstRun
from volunteer.windows.look import Look
from volunteer.windows.palette import LIGHT
from volunteer.windows.stage import Stage

NOW = datetime(2026, 3, 5, 14, 0, tzinfo=UTC)
NEW = Status(version=1, activity=Activity.not_attached, sentence="This computer is not linked yet.", host_name="attic")
LINK = Link("WDJB-MJHT", "https://grid.example/device?user_code=WDJB-MJHT", NOW + timedelta(minutes=15))


class AskingAtOnce:
    """In the place of the threads: the app answers with `link`, or with `refusal`."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.link = LINK
        self.refusal = ""
        self.show: Any = None

    @property
    def client(self) -> "AskingAtOnce":
        return self

    def ask(self, request: Any) -> Any:
        self.asked.append(request)
        if self.refusal:
            raise StopAndTell(self.refusal)
        return self.link

    def do(self, work: Any, then: Any, failed: Any) -> None:
        try:
            then(work())
        except StopAndTell as error:
            failed(error.sentence)

    def follow(self, show: Any, gone: Any) -> None:
        self.show = show


class Shown:
    """The window, and its words."""

    def __init__(self, display: str) -> None:
        self.root = tkinter.Tk(screenName=display)
        self.app = AskingAtOnce()
        self.pages: list[str] = []
        self.now = NOW
        stage = Stage(self.root, Look(self.root, LIGHT), self.app, self.pages.append)  # type: ignore[arg-type]
        self.window = FirstRun(stage, lambda: self.now)

    def words(self) -> str:
        self.root.update()
        return "\n".join(
            str(one.cget("text")) for one in self._all(self.root) if isinstance(one, ttk.Label | ttk.Button)
        )

    def press(self, text: str) -> None:
        found = [one for one in self._all(self.root) if isinstance(one, ttk.Button) and one.cget("text") == text]
        assert found, self.words()
        found[0].invoke()

    def field(self) -> ttk.Entry:
        return next(one for one in self._all(self.root) if isinstance(one, ttk.Entry))

    def _all(self, widget: tkinter.Misc) -> Iterator[tkinter.Misc]:
        """What is to be seen of it."""
        for one in widget.winfo_children():
            if one.winfo_manager():
                yield one
                yield from self._all(one)


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    with Desktop(tmp_path_factory.mktemp("desktop")) as running:
        yield running


@pytest.fixture
def shown(desktop: Desktop) -> Iterator[Shown]:
    # Tk's objects may be taken apart by this thread alone, and the collector works in whichever calls for it.
    gc.disable()
    try:
        window = Shown(desktop.display)
        yield window
        window.root.destroy()
        vars(window).clear()
        gc.collect()
    finally:
        gc.enable()


def status(**changes: Any) -> Status:
    return msgspec.structs.replace(NEW, **changes)


def test_an_installer_that_knows_its_grid_asks_for_a_yes_only(shown: Shown) -> None:
    shown.app.show(status(server="https://grid.example"))
    assert shown.field().get() == "https://grid.example"
    shown.press("Link this computer")
    assert shown.app.asked == [LinkRequest("https://grid.example")]
    assert "WDJB-MJHT" in shown.words()
    assert "good for 15 min" in shown.words()


def test_a_mistyped_address_is_said_at_once_and_asks_nobody(shown: Shown) -> None:
    shown.app.show(NEW)
    shown.field().insert(0, "ftp://grid.example")
    shown.press("Link this computer")
    assert "is not an address" in shown.words()
    assert shown.app.asked == []


def test_what_the_grid_refuses_is_said_and_can_be_tried_again(shown: Shown) -> None:
    shown.app.show(NEW)
    shown.field().insert(0, "grid.example")
    shown.app.refusal = "The certificate of grid.example is of nobody that this computer knows."
    shown.press("Link this computer")
    assert shown.app.refusal in shown.words()
    shown.app.refusal = ""
    shown.press("Link this computer")
    assert "WDJB-MJHT" in shown.words()


def test_plain_http_is_named_before_anything_is_sent(shown: Shown) -> None:
    shown.app.show(NEW)
    shown.field().insert(0, "http://grid.example")
    shown.press("Link this computer")
    assert IN_CLEAR in shown.words()
    shown.press("Link this computer")
    assert shown.app.asked == []


def test_waiting_for_the_browser_is_no_answer_and_a_no_is_one(shown: Shown) -> None:
    shown.app.show(status(server="https://grid.example"))
    shown.press("Link this computer")
    shown.app.show(status(version=2, sentence="Waiting for you to confirm the code WDJB-MJHT in the browser."))
    assert "WDJB-MJHT" in shown.words()
    shown.app.show(status(version=3, activity=Activity.needs_attention, sentence="You refused to link this computer."))
    assert "You refused to link this computer." in shown.words()
    assert shown.field() is not None


def test_a_code_that_runs_out_is_asked_for_anew(shown: Shown) -> None:
    shown.app.show(status(server="https://grid.example"))
    shown.app.link = msgspec.structs.replace(LINK, expires_at=NOW)
    shown.press("Link this computer")
    assert EXPIRED in shown.words()
    shown.app.link = LINK
    shown.press("Link this computer")
    assert "WDJB-MJHT" in shown.words()


def test_once_linked_it_asks_whether_to_start_and_says_where_it_is_seen(shown: Shown) -> None:
    shown.app.show(status(server="https://grid.example"))
    shown.press("Link this computer")
    linked = status(
        version=2, activity=Activity.paused, pause_why="not_started", server="https://grid.example", tray=True
    )
    shown.app.show(linked)
    assert "“attic”" in shown.words()
    shown.app.show(msgspec.structs.replace(linked, version=3, activity=Activity.training, pause_why=""))
    assert "beside the clock" in shown.words()


def test_a_host_that_was_paused_or_has_to_wait_is_not_said_to_be_at_work(shown: Shown) -> None:
    paused = status(activity=Activity.paused, sentence="Paused until you resume.", pause_why="person")
    shown.app.show(paused)
    assert "Paused until you resume." in shown.words()
    assert WORKS not in shown.words()
    shown.app.show(msgspec.structs.replace(paused, version=2, activity=Activity.training, pause_why=""))
    assert WORKS in shown.words()
    assert "Paused" not in shown.words()


def test_a_computer_that_is_linked_already_is_not_asked_for_its_grid(shown: Shown) -> None:
    shown.app.show(status(activity=Activity.paused, pause_why="not_started", server="https://grid.example"))
    assert "This computer is linked" in shown.words()


def test_pictures_are_there_for_every_state(shown: Shown) -> None:
    for which in Picture:
        assert shown.window._stage.look.picture(which).width() in (64, 128)
