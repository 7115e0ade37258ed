"""The requestor's API: projects, their rounds and events."""

from typing import Any

import msgspec
from flask import Response

from server.rules.views import Account, ProjectView
from server.web.caching import encoded, polled
from server.web.services import here, now
from server.web.wire import answer, read_query
from volunteer.protocol import requestor_messages as m


def projects(owner: Account) -> Response:
    lines = here().project_views.list_for(owner.id, now())
    return polled(*encoded(m.Projects([msgspec.convert(line, m.ProjectLine, from_attributes=True) for line in lines])))


def project(owner: Account, project: int) -> Response:
    return polled(*encoded(as_message(here().project_views.view(owner.id, project, now()))))


def rounds(owner: Account, project: int) -> Response:
    wanted = read_query(m.RoundsQuery)
    found = here().round_pages.rounds(owner.id, project, wanted.after, wanted.limit)
    return polled(*encoded(m.Rounds([msgspec.convert(each, m.Round, from_attributes=True) for each in found])))


def events(owner: Account, project: int) -> Response:
    found = here().round_pages.events(owner.id, project)
    return polled(*encoded(m.Events([m.Event(event.at, event.sentence) for event in found])))


def pause(owner: Account, project: int) -> Response:
    here().projects.pause(owner.id, project, now())
    return _now(owner, project)


def resume(owner: Account, project: int) -> Response:
    here().projects.resume(owner.id, project, now())
    return _now(owner, project)


def compare_one_kind(owner: Account, project: int) -> Response:
    here().projects.compare_one_kind(owner.id, project, True, now())
    return _now(owner, project)


def compare_all_kinds(owner: Account, project: int) -> Response:
    here().projects.compare_one_kind(owner.id, project, False, now())
    return _now(owner, project)


def cancel(owner: Account, project: int) -> Response:
    here().projects.cancel(owner.id, project, now())
    return _now(owner, project)


def delete(owner: Account, project: int) -> Response:
    here().projects.delete(owner.id, project, now())
    return Response(status=204)


def as_message(view: ProjectView) -> m.Project:
    """The view's summary and its numbers side by side; rounds and events have addresses of their own."""
    about: dict[str, Any] = {name: getattr(view, name) for name in view.__struct_fields__ if name != "summary"}
    summary = {name: getattr(view.summary, name) for name in view.summary.__struct_fields__}
    return msgspec.convert({**summary, **about}, m.Project, from_attributes=True)


def _now(owner: Account, project: int) -> Response:
    return answer(as_message(here().project_views.view(owner.id, project, now())))
