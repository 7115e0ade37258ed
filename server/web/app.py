"""The Flask app, put together from its parts. Builds nothing of the domain: it is handed the services."""

from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from server.web import (
    account,
    accounts,
    api_docs,
    cloning,
    computers,
    download,
    drafts,
    errors,
    joining,
    linking,
    login,
    mail_links,
    operator,
    operator_hosts,
    pages,
    projects,
    public,
    requestor_api,
    results,
    security,
    statistics,
    teams,
    tus,
    uploads,
    volunteer_api,
    words,
)
from server.web.services import Services
from volunteer.protocol.version import SOFTWARE


class _Number(IntegerConverter):
    """Of a row: to a larger one than the database can hold there is no page."""

    def __init__(self, map: Map, max: int = requestor_api.LARGEST_NUMBER, **more: Any) -> None:
        super().__init__(map, max=max, **more)


def create_app(services: Services) -> Flask:
    """One app for one grid; the services are shared by all its threads."""
    app = Flask("server.web")
    app.url_map.converters["int"] = _Number
    app.extensions["daig"] = services
    app.config["MAX_FORM_MEMORY_SIZE"] = 2**20
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600
    app.json.sort_keys = False  # type: ignore[attr-defined]
    apis = (volunteer_api.blueprint(), requestor_api.blueprint())
    # This one takes cookies too, and then sees to the CSRF check itself.
    parts = tus.blueprint()
    # The order matters: bounds on the body come before the CSRF check, which reads forms.
    login.install(app)
    uploads.install(app)
    security.install(app, services.settings, exempt=(*apis, parts))
    errors.install(app)
    words.install(app)
    rooms = (
        pages, api_docs, accounts, account, computers, download, joining, linking, mail_links, public, operator,
        operator_hosts, drafts, projects, results, cloning, teams, statistics,
    )  # fmt: skip
    for blueprint in (*apis, parts, *(room.blueprint for room in rooms)):
        app.register_blueprint(blueprint)
    app.context_processor(_for_templates)
    if services.settings.proxies:
        count = services.settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app


def _for_templates() -> dict[str, Any]:
    logged_in = login.is_logged_in()
    return {
        "software": SOFTWARE, "logged_in": logged_in, "is_operator": logged_in and login.account().is_operator,
    }  # fmt: skip
