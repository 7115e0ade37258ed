"""Sends an installer of the volunteer's program: in parts if asked, by its right name, to be kept."""

import contextlib

from flask import Response, send_file
from werkzeug.wsgi import ClosingIterator

from server.errors import Busy, NotFound
from server.web.services import here
from server.web.uploads import Slots

SENDING = Slots(6)
"""Anybody may ask, and an installer is large: slow takers must not hold all the threads that hosts and people need."""


def installer(name: str) -> Response:
    """Raises NotFound, Busy. Nobody needs to be logged in: what lends machines is for everybody."""
    about, path = here().releases.file(name)
    with contextlib.ExitStack() as held:
        if not held.enter_context(SENDING.taken()):
            raise Busy("Many others download it at this moment. Try again in a minute.")
        try:
            response = send_file(
                path, "application/octet-stream", as_attachment=True, download_name=about.file, conditional=True,
                etag=about.sha256,
            )  # fmt: skip
        except FileNotFoundError:
            raise NotFound("A newer version has just taken its place: see the download page.") from None
        # Until the last byte is sent, or its taker has gone.
        response.response = ClosingIterator(response.response, held.pop_all().close)  # type: ignore[arg-type]
    # The same name may come again with other bytes: whoever has it asks whether it is still the same.
    response.headers["Cache-Control"] = "public, no-cache"
    response.headers.pop("Last-Modified", None)
    return response
