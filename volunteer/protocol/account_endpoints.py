"""The endpoints for accounts and for operators, as data: what their pages do, for scripts.

A sign-up, a log-in and the links of letters are not here: by them a person comes to have a token in the first place.
"""

from typing import Any

import msgspec

from volunteer.protocol import account_messages as m
from volunteer.protocol import operator_messages as o
from volunteer.protocol.refusals import RefusalCode
from volunteer.protocol.requestor_endpoints import RequestorEndpoint

_C = RefusalCode
_BODY = (_C.malformed_request, _C.too_slow, _C.not_acceptable)
_ONE = (_C.no_such_thing,)


def _of_account(
    name: str, line: str, summary: str, refusals: tuple[RefusalCode, ...] = (),
    takes: type[msgspec.Struct] | None = None, gives: type[msgspec.Struct] | None = None, **more: Any,
) -> RequestorEndpoint:  # fmt: skip
    method, path = line.split(" ")
    more = {"scope": "account", "group": "Account", "success": 200 if gives else 204, **more}
    return RequestorEndpoint(
        name, method, path, summary, takes, (gives,) if gives else (), (*_BODY, *refusals) if takes else refusals,
        **more,
    )  # fmt: skip


def _of_operator(
    name: str, line: str, summary: str, gives: type[msgspec.Struct] | None = None, **more: Any
) -> RequestorEndpoint:
    """To who is no operator there is no such thing."""
    refusals = (_C.malformed_request, *_ONE) if more.get("query") else (*_ONE, *(() if gives else (_C.not_now,)))
    if more.get("takes"):
        refusals = _ONE if gives else (*_ONE, _C.not_now)
    return _of_account(name, line, summary, refusals, gives=gives, scope="operate", group="Operator", **more)


ACCOUNT_ENDPOINTS = (
    RequestorEndpoint(
        "status", "GET", "/status", "The grid's work at this instant.", None, (m.GridStatus,), (), group="Grid",
        scope="", needs_token=False, polled=True,
    ),
    _of_account("contact", "GET /account/contact", "How this account is told things.", _ONE, gives=m.Contact),
    _of_account("change_password", "PUT /account/password", "A new password; all log-ins end.", _ONE, m.PasswordChange),
    _of_account("give_email", "PUT /account/email", "A new address, once the link in a letter to it was followed.",
                (*_ONE, _C.not_now), m.EmailChange),
    _of_account("remove_email", "POST /account/email/remove", "No address any more.", _ONE, m.Proof),
    _of_account("choose_notifications", "PUT /account/notifications", "Mail or a webhook, when a project is over or "
                "needs attention.", _ONE, m.Notifications, m.Contact),
    _of_account("test_webhook", "POST /account/webhook-test", "Send a test to the webhook.", (*_ONE, _C.not_now)),
    _of_account("choose_listing", "PUT /account/listing", "Whether the leaderboard shows the name.", (), m.Listing),
    _of_account("access_tokens", "GET /account/tokens", "Access tokens, without their secrets.", gives=m.AccessTokens),
    _of_account("create_access_token", "POST /account/tokens", "A new access token.", (), m.NewAccessToken,
                m.AccessTokenSecret, success=201),
    _of_account("revoke_access_token", "DELETE /account/tokens/{token}", "It opens nothing from now on.", _ONE),
    _of_account("delete_account", "POST /account/delete", "Delete the account with its projects, models and data.",
                (*_ONE, _C.not_now), m.Proof),
    _of_operator("overview", "GET /operator", "Hosts, projects, letters, disk, settings, events.", m.Overview),
    _of_operator("accounts", "GET /operator/accounts", "Accounts, also by a part of their name.", m.AccountRows,
                 query=m.AccountsQuery),
    _of_operator("block_account", "POST /operator/accounts/{account}/block", "No log-in, no token, no work for its "
                 "hosts; its projects pause."),
    _of_operator("unblock_account", "POST /operator/accounts/{account}/unblock", "Open it again."),
    _of_operator("appoint_operator", "POST /operator/accounts/{account}/appoint", "Make it an operator's."),
    _of_operator("dismiss_operator", "POST /operator/accounts/{account}/dismiss", "It is no operator's any more."),
    _of_operator("end_project", "POST /operator/projects/{project}/cancel", "Cancel somebody's project."),
    _of_operator("approve_project", "POST /operator/projects/{project}/approve", "Let a new requestor's projects "
                 "begin."),
    _of_operator("refuse_project", "POST /operator/projects/{project}/refuse", "Cancel a project that waits for an "
                 "approval; its owner is told why.", takes=o.Reason),
    _of_operator("host_records", "GET /operator/hosts", "Machines with their record; the most doubted, those in "
                 "quarantine, those that appeal, referees.", o.HostRows, query=o.HostsQuery),
    _of_operator("host_record", "GET /operator/hosts/{host}", "A machine's record and its newest results.",
                 o.HostRecord),
    _of_operator("quarantine_host", "POST /operator/hosts/{host}/quarantine", "No work for this machine; its owner is "
                 "told why.", takes=o.Reason),
    _of_operator("release_host", "POST /operator/hosts/{host}/release", "It gets work again, and earns trust anew.",
                 takes=o.Reason),
    _of_operator("refuse_appeal", "POST /operator/hosts/{host}/refuse-appeal", "It stays in quarantine; its owner "
                 "reads the answer.", takes=o.Reason),
    _of_operator("appoint_referee", "POST /operator/hosts/{host}/appoint-referee", "Its opinion outranks all "
                 "others'; for machines of operators."),
    _of_operator("dismiss_referee", "POST /operator/hosts/{host}/dismiss-referee", "Its opinion counts as others'."),
    _of_operator("audits", "GET /operator/audits", "What referees said of the units that they computed again.",
                 o.Audits),
    _of_operator("actions", "GET /operator/actions", "Who did what and when, the newest first, a page at a time.",
                 o.Actions, query=o.ActionsQuery),
    _of_operator("invitations", "GET /operator/invitations", "Invitations that can still be used, without their codes.",
                 o.Invitations),
    _of_operator("create_invitation", "POST /operator/invitations", "A new invitation, by which people sign up.",
                 o.InvitationCode, takes=o.NewInvitation, success=201),
    _of_operator("revoke_invitation", "DELETE /operator/invitations/{invitation}", "Nobody signs up by it any more."),
    _of_operator("retry_letter", "POST /operator/letters/{letter}/retry", "Try a letter that waits now."),
)  # fmt: skip
