"""The requestor's API: hosts' records and what operators do to hosts. The domain says who is an operator."""

from flask import Response

from server.rules.views import Account
from server.web.services import here, now
from server.web.wire import answer, read_message, read_query
from volunteer.protocol import operator_messages as m


def hosts(operator: Account) -> Response:
    asked = read_query(m.HostsQuery)
    return answer(m.HostRows(here().people.records.hosts(operator.id, asked.which, asked.search, now(), asked.page)))


def host(operator: Account, host: int) -> Response:
    return answer(here().people.records.record(operator.id, host, now()))


def quarantine(operator: Account, host: int) -> Response:
    here().people.records.quarantine(operator.id, host, read_message(m.Reason).reason, now())
    return _done()


def release(operator: Account, host: int) -> Response:
    here().people.records.release(operator.id, host, read_message(m.Reason).reason, now())
    return _done()


def refuse_appeal(operator: Account, host: int) -> Response:
    here().people.records.refuse_appeal(operator.id, host, read_message(m.Reason).reason, now())
    return _done()


def appoint_referee(operator: Account, host: int) -> Response:
    here().people.records.appoint_referee(operator.id, host, now())
    return _done()


def dismiss_referee(operator: Account, host: int) -> Response:
    here().people.records.dismiss_referee(operator.id, host, now())
    return _done()


def audits(operator: Account) -> Response:
    return answer(here().people.records.audits(operator.id, now()))


def _done() -> Response:
    return Response(status=204)
