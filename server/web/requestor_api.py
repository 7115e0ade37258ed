"""The requestor's API: the protocol's endpoints as routes. Access tokens only: no cookie counts here."""

import functools
import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from server.rules.views import Account
from server.web import (
    api_account,
    api_credit,
    api_drafts,
    api_machines,
    api_operator,
    api_projects,
    api_records,
    api_results,
    public,
)
from server.web.bearer import speaker, token_owner
from server.web.caching import BriefCache, polled
from server.web.services import here, now
from server.web.wire import answer
from volunteer.protocol import requestor_messages as m
from volunteer.protocol.account_endpoints import ACCOUNT_ENDPOINTS
from volunteer.protocol.credit_endpoints import CREDIT_ENDPOINTS
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.requestor_endpoints import REQUESTOR_ENDPOINTS, RequestorEndpoint

LARGEST_NUMBER = 2**53
_cache = BriefCache()


def blueprint() -> Blueprint:
    """The routes, from the protocol's own table."""
    api = Blueprint("requestor_api", __name__, url_prefix=PREFIX)
    for endpoint in (*REQUESTOR_ENDPOINTS, *CREDIT_ENDPOINTS, *ACCOUNT_ENDPOINTS):
        path = re.sub(r"{(\w+)}", rf"<int(max={LARGEST_NUMBER}):\1>", endpoint.path)
        api.add_url_rule(path, endpoint.name, _guarded(endpoint), methods=[endpoint.method])
    return api


def _guarded(endpoint: RequestorEndpoint) -> Callable[..., Response]:
    """The endpoint's handler behind its scope."""
    handler = HANDLERS[endpoint.name]
    if not endpoint.scope:
        return handler

    @functools.wraps(handler)
    def guarded(**parts: Any) -> Response:
        return handler(token_owner(endpoint.scope), **parts)

    return guarded


def _grid() -> Response:
    services = here()
    return polled(*_cache.get(id(services), lambda: services.grid.view(now())))


def _account(owner: Account) -> Response:
    return answer(m.AccountInfo(owner.id, owner.name, sorted(speaker("read").scopes)))


HANDLERS: dict[str, Callable[..., Response]] = {
    "grid": _grid,
    "leaderboard": api_credit.leaderboard,
    "host_leaderboard": api_credit.host_leaderboard,
    "team_leaderboard": api_credit.team_leaderboard,
    "team": api_credit.team,
    "create_team": api_credit.create_team,
    "change_team": api_credit.change_team,
    "join_team": api_credit.join_team,
    "team_seats": api_credit.team_seats,
    "remove_member": api_credit.remove_member,
    "leave_team": api_credit.leave_team,
    "account": _account,
    "drafts": api_drafts.drafts,
    "start_draft": api_drafts.start,
    "draft": api_drafts.draft,
    "change_draft": api_drafts.change,
    "outlook": api_drafts.outlook,
    "use_suggested": api_drafts.use_suggested,
    "clone_project": api_drafts.clone,
    "discard_draft": api_drafts.discard,
    "submit_draft": api_drafts.submit,
    "projects": api_projects.projects,
    "project": api_projects.project,
    "rounds": api_projects.rounds,
    "events": api_projects.events,
    "pause_project": api_projects.pause,
    "resume_project": api_projects.resume,
    "compare_one_kind": api_projects.compare_one_kind,
    "compare_all_kinds": api_projects.compare_all_kinds,
    "cancel_project": api_projects.cancel,
    "delete_project": api_projects.delete,
    "model": api_results.model,
    "history": api_results.history,
    "tensorboard": api_results.tensorboard,
    "recipe": api_results.recipe,
    "preprocessing": api_results.preprocessing,
    "join_keys": api_machines.join_keys,
    "create_join_key": api_machines.create_join_key,
    "revoke_join_key": api_machines.revoke_join_key,
    "hosts": api_machines.hosts,
    "rename_host": api_machines.rename_host,
    "detach_host": api_machines.detach_host,
    "appeal": api_machines.appeal,
    "status": public.status_numbers,
    "contact": api_account.contact,
    "change_password": api_account.change_password,
    "give_email": api_account.give_email,
    "remove_email": api_account.remove_email,
    "choose_notifications": api_account.choose_notifications,
    "test_webhook": api_account.test_webhook,
    "choose_listing": api_account.choose_listing,
    "access_tokens": api_account.access_tokens,
    "create_access_token": api_account.create_access_token,
    "revoke_access_token": api_account.revoke_access_token,
    "delete_account": api_account.delete_account,
    "overview": api_operator.overview,
    "accounts": api_operator.accounts,
    "block_account": api_operator.block,
    "unblock_account": api_operator.unblock,
    "appoint_operator": api_operator.appoint,
    "dismiss_operator": api_operator.dismiss,
    "end_project": api_operator.end_project,
    "retry_letter": api_operator.retry_letter,
    "approve_project": api_operator.approve_project,
    "refuse_project": api_operator.refuse_project,
    "host_records": api_records.hosts,
    "host_record": api_records.host,
    "quarantine_host": api_records.quarantine,
    "release_host": api_records.release,
    "refuse_appeal": api_records.refuse_appeal,
    "appoint_referee": api_records.appoint_referee,
    "dismiss_referee": api_records.dismiss_referee,
    "audits": api_records.audits,
    "actions": api_operator.actions,
    "invitations": api_operator.invitations,
    "create_invitation": api_operator.create_invitation,
    "revoke_invitation": api_operator.revoke_invitation,
}
