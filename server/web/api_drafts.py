"""The requestor's API: drafts, with the very form that the page has."""

from collections.abc import Mapping

import msgspec
from flask import Response

from server.errors import NotAllowedNow
from server.rules.incoming import IncomingFile
from server.rules.states import DraftState
from server.rules.views import Account, DraftView
from server.web.api_projects import as_message
from server.web.caching import encoded, polled
from server.web.services import here, now
from server.web.wire import answer, read_message
from volunteer.protocol import requestor_messages as m


def drafts(owner: Account) -> Response:
    found = [draft for draft in here().drafts.list_for(owner.id) if draft.state is not DraftState.submitted]
    return answer(m.Drafts([_message_of(draft) for draft in found]))


def start(owner: Account) -> Response:
    said = read_message(m.NewDraft)
    draft = here().drafts.start(owner.id, said.form, _files(owner, said.uploads), now())
    return answer(_message_of(here().drafts.view(owner.id, draft)), 201)


def draft(owner: Account, draft: int) -> Response:
    return polled(*encoded(_message_of(here().drafts.view(owner.id, draft))))


def change(owner: Account, draft: int) -> Response:
    """The domain wants the whole form, as the page sends it: what was not named is as it was."""
    said, before = read_message(m.DraftChange), here().drafts.view(owner.id, draft)
    form, files = {**before.form, **said.form}, _files(owner, said.uploads)
    here().drafts.change(owner.id, draft, form, files, now(), said.removed)
    return answer(_message_of(here().drafts.view(owner.id, draft)))


def outlook(owner: Account, draft: int) -> Response:
    found = here().drafts.outlook(owner.id, draft)
    if found is None:
        raise NotAllowedNow("There is an outlook only of a draft that is ready.")
    return answer(msgspec.convert(found, m.Outlook, from_attributes=True))


def use_suggested(owner: Account, draft: int) -> Response:
    here().drafts.use_suggested(owner.id, draft, now())
    return answer(_message_of(here().drafts.view(owner.id, draft)))


def clone(owner: Account, project: int) -> Response:
    said = read_message(m.CloneRequest)
    draft = here().cloning.clone(owner.id, project, now(), said.start)
    return answer(_message_of(here().drafts.view(owner.id, draft)), 201)


def discard(owner: Account, draft: int) -> Response:
    here().drafts.discard(owner.id, draft, now())
    return Response(status=204)


def submit(owner: Account, draft: int) -> Response:
    project = here().drafts.submit(owner.id, draft, now())
    return answer(as_message(here().project_views.view(owner.id, project, now())), 201)


def _files(owner: Account, uploads: Mapping[str, str]) -> list[IncomingFile]:
    return [here().uploads.take(owner.id, name, field) for field, name in uploads.items()]


def _message_of(view: DraftView) -> m.Draft:
    return msgspec.convert(view, m.Draft, from_attributes=True)
