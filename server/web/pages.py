"""The landing page, and the sign of life that a supervisor asks for."""

from flask import Blueprint, Response, render_template

from server.web.caching import BriefCache, polled
from server.web.services import here, now

blueprint = Blueprint("pages", __name__)
_cache = BriefCache()


@blueprint.get("/")
def landing() -> str:
    return render_template("landing.html", grid=here().grid.view(now()))


@blueprint.get("/grid.json")
def grid() -> Response:
    """The landing page's numbers, for the page itself and for anybody who is curious."""
    services = here()
    return polled(*_cache.get(id(services), lambda: services.grid.view(now())))


@blueprint.get("/healthz")
def health() -> Response:
    """200 when the database answers."""
    here().grid.view(now())
    response = Response("ok\n", mimetype="text/plain")
    response.headers["Cache-Control"] = "no-store"
    return response
