"""Asks the app without keeping the window waiting: threads ask, and the window's own loop gets the answers."""

import logging
import queue
import threading
import time
import tkinter
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from volunteer.control.client import ControlClient, NotRunning
from volunteer.control.messages import Status, StatusRequest
from volunteer.errors import VolunteerError

T = TypeVar("T")
_LOOK_EVERY_MS = 120
_REST_SECONDS = 1.0
_log = logging.getLogger(__name__)
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
            while True:
                wait = 0.0 if version is None else _LONGEST_WAIT_SECONDS
                try:
                    status = self.client.ask(StatusRequest(version, wait))
                except NotRunning:
                    self._answers.put(gone)
                    return
                except VolunteerError as error:
                    _log.debug("no status: %s", error.sentence)
                    time.sleep(_REST_SECONDS)
                    continue
                if status.version != version:
                    version = status.version
                    self._answers.put(partial(show, status))

        threading.Thread(target=run, daemon=True).start()

    def _look(self) -> None:
        # First of all: an answer may close the window, or fail on what the window shows no more.
        self._root.after(_LOOK_EVERY_MS, self._look)
        while not self._answers.empty():
            self._answers.get()()
