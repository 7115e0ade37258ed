"""Sends an installer of the volunteer's program: in parts if asked, by its right name, to be kept."""

from flask import Response, send_file

from server.errors import Busy, NotFound
from server.web.places import INSTALLERS
from server.web.sending import holding
from server.web.services import here


def installer(name: str) -> Response:
    """Raises NotFound, Busy. Nobody needs to be logged in: what lends machines is for everybody."""
    about, path = here().releases.file(name)

    def make() -> Response:
        return send_file(
            path, "application/octet-stream", as_attachment=True, download_name=about.file, conditional=True,
            etag=about.sha256,
        )  # fmt: skip

    try:
        response = holding(INSTALLERS, None, make)
    except FileNotFoundError:
        raise NotFound("A newer version has just taken its place: see the download page.") from None
    if response is None:
        raise Busy("Many others download it at this moment. Try again in a minute.")
    # The same name may come again with other bytes: whoever has it asks whether it is still the same.
    response.headers["Cache-Control"] = "public, no-cache"
    response.headers.pop("Last-Modified", None)
    return response
