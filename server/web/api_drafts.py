"""The requestor's API: drafts, with the very form that the page has."""

import msgspec
from flask import Response

from server.rules.states import DraftState
from server.rules.views import Account, DraftView
from server.web.api_projects import as_message
from server.web.caching import encoded, polled
from server.web.services import here, now
from server.web.wire import answer
from volunteer.protocol import requestor_messages as m


def drafts(owner: Account) -> Response:
    found = [draft for draft in here().drafts.list_for(owner.id) if draft.state is not DraftState.submitted]
    return answer(m.Drafts([_message_of(draft) for draft in found]))


def draft(owner: Account, draft: int) -> Response:
    return polled(*encoded(_message_of(here().drafts.view(owner.id, draft))))


def discard(owner: Account, draft: int) -> Response:
    here().drafts.discard(owner.id, draft, now())
    return Response(status=204)


def submit(owner: Account, draft: int) -> Response:
    project = here().drafts.submit(owner.id, draft, now())
    return answer(as_message(here().project_views.view(owner.id, project, now())), 201)


def _message_of(view: DraftView) -> m.Draft:
    return msgspec.convert(view, m.Draft, from_attributes=True)
