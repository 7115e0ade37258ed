"""Asks the app without keeping the window waiting: threads ask, and the window's own loop gets the answers."""

import queue
import threading
import tkinter
from collections.abc import Callable
from typing import TypeVar

from volunteer.control.client import ControlClient, NotRunning
from volunteer.control.messages import Status, StatusRequest
from volunteer.errors import VolunteerError

T = TypeVar("T")
_LOOK_EVERY_MS = 80
_LONGEST_WAIT_SECONDS = 50.0


class Asking:
    """Everything that is passed in here is called in the window's thread; only `ask` and `work` run in others."""

    def __init__(self, root: tkinter.Tk, client: ControlClient) -> None:
        self.client = client
        self._root = root
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._look()

    def do(self, work: Callable[[], T], then: Callable[[T], None], failed: Callable[[str], None]) -> None:
        """`failed` gets the sentence for the person."""

        def run() -> None:
            try:
                answer = work()
            except VolunteerError as error:
                sentence = error.sentence
                self._answers.put(lambda: failed(sentence))
            else:
                self._answers.put(lambda: then(answer))

        threading.Thread(target=run, daemon=True).start()

    def follow(self, show: Callable[[Status], None], gone: Callable[[], None]) -> None:
        """`show` the status now and after each change; `gone` when there is no app any more."""

        def run() -> None:
            version = None
            try:
                while True:
                    status = self.client.ask(StatusRequest(version, _LONGEST_WAIT_SECONDS if version else 0))
                    if status.version != version:
                        version = status.version
                        self._answers.put(lambda status=status: show(status))  # type: ignore[misc]
            except NotRunning:
                self._answers.put(gone)
            except VolunteerError:
                self._answers.put(gone)

        threading.Thread(target=run, daemon=True).start()

    def _look(self) -> None:
        while not self._answers.empty():
            self._answers.get()()
        self._root.after(_LOOK_EVERY_MS, self._look)
