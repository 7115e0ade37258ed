"""The window's own loop, with a stand-in for Tk's."""

import time
import tkinter

import pytest

from volunteer.errors import StopAndTell
from volunteer.windows.asking import Asking


class Root:
    """Calls what is due when it is told to. Nothing can be asked of it once it is gone."""

    def __init__(self) -> None:
        self.due = []
        self.is_there = True

    def after(self, _milliseconds, action) -> None:
        if not self.is_there:
            raise tkinter.TclError("application has been destroyed")
        self.due.append(action)

    def turn(self) -> None:
        for action in [self.due.pop(0) for _ in self.due]:
            action()

    def destroy(self) -> None:
        self.is_there = False


def until(asking: Asking) -> None:
    """An answer has come from the other thread."""
    end = time.monotonic() + 5
    while asking._answers.empty():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_an_answer_that_fails_does_not_deafen_the_window():
    root, told = Root(), []

    def gone(_answer: int) -> None:
        raise tkinter.TclError("invalid command name")

    asking = Asking(root, None)
    asking.do(lambda: 1, gone, told.append)
    until(asking)
    with pytest.raises(tkinter.TclError):
        root.turn()

    def refuse() -> int:
        raise StopAndTell("No.")

    asking.do(refuse, gone, told.append)
    until(asking)
    root.turn()
    assert told == ["No."]


def test_an_answer_may_close_the_window():
    root = Root()
    asking = Asking(root, None)
    asking.do(lambda: 1, lambda _answer: root.destroy(), lambda _sentence: None)
    until(asking)
    root.turn()
    assert not root.is_there
