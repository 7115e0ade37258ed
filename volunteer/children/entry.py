"""The child's end of the channel: take limits first, then requests; end when the parent ends."""

import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from volunteer.children.frames import read_frame, write_frame
from volunteer.children.limits import Limits, apply


class Channel:
    """Requests come out of a queue, fed by a thread; answers go out whole, from whichever thread.

    When the parent is gone the process ends at once, whatever it is doing: nobody is left to want its work.
    """

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.requests: queue.Queue[dict[str, Any]] = queue.Queue()
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            write_frame(self._sink, message)

    def _listen(self) -> None:
        try:
            while (message := read_frame(self._source)) is not None:
                self.requests.put(message)
        finally:
            os._exit(0)


def start(prepare: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _first: None) -> Channel:
    """Claim standard input and output for frames, apply the limits that come first, and listen.

    `prepare` gets the parent's first message when the limits hold and there is still one thread; what it returns is
    the first answer. What libraries print to standard output goes to standard error from here on, so it cannot
    corrupt a frame.
    """
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    source = os.fdopen(os.dup(0), "rb")
    first = read_frame(source)
    if first is None:
        os._exit(0)
    apply(Limits(**first["limits"]))
    answer = prepare(first)
    channel = Channel(source, sink)
    if answer is not None:
        channel.send(answer)
    return channel


def serve(handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer each request by `handle(request)`, for ever."""
    channel = start()
    while True:
        channel.send(handle(channel.requests.get()))
