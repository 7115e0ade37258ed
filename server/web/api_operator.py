"""The requestor's API: what operators see and do. The domain says who is one."""

from flask import Response

from server.rules.views import Account
from server.web.services import here, now
from server.web.wire import answer, read_query
from volunteer.protocol import account_messages as m


def overview(operator: Account) -> Response:
    return answer(here().people.operating.overview(operator.id, now()))


def accounts(operator: Account) -> Response:
    search = read_query(m.AccountsQuery).search
    return answer(m.AccountRows(here().people.operating.accounts(operator.id, search, now())))


def block(operator: Account, account: int) -> Response:
    here().people.operating.block(operator.id, account, now())
    return _done()


def unblock(operator: Account, account: int) -> Response:
    here().people.operating.unblock(operator.id, account, now())
    return _done()


def appoint(operator: Account, account: int) -> Response:
    here().people.operating.appoint(operator.id, account, now())
    return _done()


def dismiss(operator: Account, account: int) -> Response:
    here().people.operating.dismiss(operator.id, account, now())
    return _done()


def end_project(operator: Account, project: int) -> Response:
    here().people.operating.cancel_project(operator.id, project, now())
    return _done()


def retry_letter(operator: Account, letter: int) -> Response:
    here().people.operating.retry_letter(operator.id, letter, now())
    return _done()


def _done() -> Response:
    return Response(status=204)
