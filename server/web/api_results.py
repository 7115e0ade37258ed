"""The requestor's API: what is taken home of a project, as its page has it."""

import msgspec
from flask import Response

from server.rules.views import Account
from server.web.results import as_csv, as_json, sent, streamed
from server.web.services import here, now
from server.web.wire import read_query
from volunteer.protocol import requestor_messages as m


def model(owner: Account, project: int) -> Response:
    wanted = read_query(m.ModelQuery)
    return sent(here().results.download(owner.id, project, wanted.which, wanted.format, now()))


def history(owner: Account, project: int) -> Response:
    wanted = read_query(m.HistoryQuery)
    rows = here().results.history(owner.id, project)
    if wanted.format is m.HistoryFormat.csv:
        return streamed(as_csv(rows), "text/csv", f"project-{project}-history.csv")
    return streamed(as_json(rows), "application/json", f"project-{project}-history.json")


def tensorboard(owner: Account, project: int) -> Response:
    return sent(here().results.tensorboard(owner.id, project, now()))


def recipe(owner: Account, project: int) -> Response:
    pieces = here().results.recipe(owner.id, project, now())
    return streamed(pieces, "application/json", f"project-{project}-recipe.json")


def preprocessing(owner: Account, project: int) -> Response:
    found = here().results.preprocessing(owner.id, project)
    return streamed([msgspec.json.encode(found)], "application/json", f"project-{project}-preprocessing.json")
