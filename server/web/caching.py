"""Polled JSON: built at most once a second for each thing, and sent only where it is news (ETag, 304)."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Response, request

KEEP_SECONDS = 1.0


class BriefCache:
    """Bodies with their ETags, for a moment: many tabs cost the database no more than one."""

    def __init__(self, entries: int = 256, keep: float = KEEP_SECONDS) -> None:
        """`keep`: for so many seconds."""
        self._keep = keep
        self._entries = entries
        self._held: OrderedDict[object, tuple[float, bytes, str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, build: Callable[[], Any]) -> tuple[bytes, str]:
        """(body, ETag) of what `build` gives. The key must hold the owner: nobody is shown another's."""
        moment = time.monotonic()
        with self._lock:
            held = self._held.get(key)
        if held is not None and moment - held[0] < self._keep:
            return held[1:]
        body, etag = encoded(build())
        with self._lock:
            self._held[key] = (moment, body, etag)
            self._held.move_to_end(key)
            while len(self._held) > self._entries:
                self._held.popitem(last=False)
        return body, etag

    def forget(self, key: object) -> None:
        """After a change by the person: the next look shows it."""
        with self._lock:
            self._held.pop(key, None)


def encoded(value: Any) -> tuple[bytes, str]:
    """(JSON, ETag) of a value."""
    body = msgspec.json.encode(value)
    return body, hashlib.sha256(body).hexdigest()[:32]


def polled(body: bytes, etag: str) -> Response:
    """The answer to a poll; 304 where the asker has it already."""
    response = Response(body, mimetype="application/json")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response
