"""Files on their way to takers who may be slow: each holds a place until its last byte is sent, or nobody takes it."""

import contextlib
from collections.abc import Callable
from typing import Any

from flask import Response

from server.web.places import Slots


def holding(places: Slots, key: object, make: Callable[[], Response]) -> Response | None:
    """What `make` makes, which holds a place for that key until it is closed; None where there is none."""
    with contextlib.ExitStack() as held:
        if not held.enter_context(places.taken(key)):
            return None
        response = make()
        body: Any = response.response
        if close := getattr(body, "close", None):
            held.callback(close)
        # On the body itself, not by another one around it: the server hands a file that it knows to the system.
        body.close = held.pop_all().close
    return response
