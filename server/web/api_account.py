"""The requestor's API: the account itself. What cannot be undone asks for the password as well as the token."""

from flask import Response, request

from server.rules.views import Account
from server.web.services import here, now
from server.web.wire import answer, read_message
from volunteer.protocol import account_messages as m


def contact(owner: Account) -> Response:
    return answer(here().people.addresses.view(owner.id, now()))


def change_password(owner: Account) -> Response:
    said = read_message(m.PasswordChange)
    here().people.passwords.change(owner.id, said.old_password, said.new_password, _remote(), now())
    return _done()


def give_email(owner: Account) -> Response:
    said = read_message(m.EmailChange)
    _require_password(owner, said.password)
    here().people.addresses.give_email(owner.id, said.email, now())
    return _done()


def remove_email(owner: Account) -> Response:
    _require_password(owner, read_message(m.Proof).password)
    here().people.addresses.remove_email(owner.id, now())
    return _done()


def choose_notifications(owner: Account) -> Response:
    said = read_message(m.Notifications)
    here().people.addresses.choose(owner.id, said.tell_by_mail, said.webhook_url, now())
    return contact(owner)


def test_webhook(owner: Account) -> Response:
    here().people.addresses.test_webhook(owner.id, now())
    return _done()


def choose_listing(owner: Account) -> Response:
    said = read_message(m.Listing)
    here().people.addresses.choose_listing(owner.id, said.is_listed, said.lists_hosts, said.is_exported)
    return _done()


def access_tokens(owner: Account) -> Response:
    return answer(m.AccessTokens(here().tokens.list_for(owner.id, now())))


def create_access_token(owner: Account) -> Response:
    """Else a token that was stolen could make itself others, which go on when it is revoked."""
    said = read_message(m.NewAccessToken)
    _require_password(owner, said.password)
    return answer(m.AccessTokenSecret(here().tokens.create(owner.id, said.label, said.scopes, said.days, now())), 201)


def revoke_access_token(owner: Account, token: int) -> Response:
    here().tokens.revoke(owner.id, token, now())
    return _done()


def delete_account(owner: Account) -> Response:
    here().people.leaving.delete_account(owner.id, read_message(m.Proof).password, _remote(), now())
    return _done()


def _require_password(owner: Account, given: str) -> None:
    here().people.passwords.require(owner.id, given, "password", _remote(), now())


def _remote() -> str:
    return request.remote_addr or ""


def _done() -> Response:
    return Response(status=204)
