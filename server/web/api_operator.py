"""The requestor's API: what operators see and do. The domain says who is one."""

from flask import Response

from server.rules.views import Account
from server.web.accounts import sign_up_address
from server.web.services import here, now
from server.web.wire import answer, read_message, read_query
from volunteer.protocol import account_messages as m
from volunteer.protocol import operator_messages as o


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


def approve_project(operator: Account, project: int) -> Response:
    here().people.approvals.approve(operator.id, project, now())
    return _done()


def refuse_project(operator: Account, project: int) -> Response:
    here().people.approvals.refuse(operator.id, project, read_message(o.Reason).reason, now())
    return _done()


def actions(operator: Account) -> Response:
    return answer(o.Actions(here().people.log.newest(operator.id, read_query(o.ActionsQuery).before)))


def invitations(operator: Account) -> Response:
    return answer(o.Invitations(here().people.invitations.list_for(operator.id, now())))


def create_invitation(operator: Account) -> Response:
    said = read_message(o.NewInvitation)
    code = here().people.invitations.create(operator.id, said.label, said.uses, said.days, now())
    return answer(o.InvitationCode(code, sign_up_address(code)), 201)


def revoke_invitation(operator: Account, invitation: int) -> Response:
    here().people.invitations.revoke(operator.id, invitation, now())
    return _done()


def _done() -> Response:
    return Response(status=204)
