"""The statistics export: the files that sites fetch, and a page that lists them. For everybody."""

from flask import Blueprint, Response, render_template, send_file

from server.web.services import here, now

blueprint = Blueprint("statistics", __name__)
_KINDS = {".xml": "text/xml", ".gz": "application/gzip"}


@blueprint.get("/stats/")
def index() -> str:
    return render_template("statistics.html", files=here().people.statistics.files(), now=now())


@blueprint.get("/stats/<name>")
def file(name: str) -> Response:
    path = here().people.statistics.file(name)
    response = send_file(path, mimetype=_KINDS.get(path.suffix, "application/octet-stream"), max_age=3600)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
