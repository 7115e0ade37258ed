"""The landing page, and the sign of life that a supervisor asks for."""

import msgspec
from flask import Blueprint, Response, render_template

from server.rules.views import GridView
from server.web.caching import BriefCache, polled
from server.web.services import here, now

blueprint = Blueprint("pages", __name__)
_cache = BriefCache()


@blueprint.get("/")
def landing() -> str:
    body, _ = _numbers()
    return render_template("landing.html", grid=msgspec.json.decode(body, type=GridView))


@blueprint.get("/grid.json")
def grid() -> Response:
    """The landing page's numbers, for the page itself and for anybody who is curious."""
    return polled(*_numbers())


@blueprint.get("/healthz")
def health() -> Response:
    """200 when the database answers."""
    here().grid.check()
    response = Response("ok\n", mimetype="text/plain")
    response.headers["Cache-Control"] = "no-store"
    return response


def _numbers() -> tuple[bytes, str]:
    """Counted once a second, however many look."""
    services = here()
    return _cache.get(id(services), lambda: services.grid.view(now()))
