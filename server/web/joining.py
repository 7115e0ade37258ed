"""Join files on their way to a browser. Without a key they only say where this grid is, and that to everybody."""

from flask import Blueprint, Response, request

from server.rules.join_files import JOIN_FILE, join_file
from server.web.services import here

blueprint = Blueprint("joining", __name__)


@blueprint.get(f"/{JOIN_FILE}")
def grid_file() -> Response:
    """For whoever takes an installer from here: beside it the program knows the grid, and the person only confirms."""
    return sent("")


def sent(join_key: str) -> Response:
    """As a file, which nobody on the way may keep."""
    response = Response(text(join_key), mimetype="application/toml")
    response.headers["Content-Disposition"] = f"attachment; filename={JOIN_FILE}"
    response.headers["Cache-Control"] = "no-store"
    return response


def text(join_key: str) -> str:
    services = here()
    return join_file(services.address(request.url_root), join_key, services.fingerprint)
