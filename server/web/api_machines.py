"""The requestor's API: join keys and the machines that joined by them. (One account may be requestor and volunteer.)"""

import msgspec
from flask import Response

from server.rules.views import Account
from server.web import joining
from server.web.services import here, now
from server.web.wire import answer, read_message
from volunteer.protocol import machine_messages as m


def join_keys(owner: Account) -> Response:
    found = here().join_keys.list_for(owner.id, now())
    return answer(m.JoinKeys([msgspec.convert(key, m.JoinKey, from_attributes=True) for key in found]))


def create_join_key(owner: Account) -> Response:
    said = read_message(m.NewJoinKey)
    secret = here().join_keys.create(owner.id, said.label, said.uses, said.hours, now())
    return answer(m.JoinKeySecret(secret, joining.text(secret)), 201)


def revoke_join_key(owner: Account, key: int) -> Response:
    here().join_keys.revoke(owner.id, key, now())
    return Response(status=204)


def hosts(owner: Account) -> Response:
    found = here().hosts.list_for(owner.id, now())
    return answer(m.HostLines([msgspec.convert(host, m.HostLine, from_attributes=True) for host in found]))


def rename_host(owner: Account, host: int) -> Response:
    view = here().hosts.rename(owner.id, host, read_message(m.HostChange).name, now())
    return answer(msgspec.convert(view, m.HostLine, from_attributes=True))


def appeal(owner: Account, host: int) -> Response:
    here().people.appeals.appeal(owner.id, host, read_message(m.Appeal).text, now())
    view = here().hosts.rename(owner.id, host, None, now())
    return answer(msgspec.convert(view, m.HostLine, from_attributes=True))


def detach_host(owner: Account, host: int) -> Response:
    here().hosts.detach(owner.id, host, now())
    return Response(status=204)
