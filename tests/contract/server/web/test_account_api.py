"""What the account page and the operator's pages do, by the API: with which scope, and with which password."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from server.rules.scopes import SCOPES
from server.storage.tables import Project
from tests.support.api_stage import ApiStage, Script
from volunteer.protocol.refusals import Refusal

PASSWORD, NEW = "a long enough password", "another long enough one"
WITH_PASSWORD = {
    "change_password": {"old_password": PASSWORD, "new_password": NEW},
    "remove_email": {"password": PASSWORD},
    "create_access_token": {"password": PASSWORD, "scopes": ["read"], "label": "more"},
    "delete_account": {"password": PASSWORD},
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ApiStage]:
    opened = ApiStage(tmp_path / "grid")
    for account in (opened.owner_id, opened.stranger_id):
        opened.give_password(account, PASSWORD)
    yield opened
    opened.close()


@pytest.fixture
def operator(stage: ApiStage) -> Script:
    """The owner has the grid's first account."""
    return stage.script(stage.owner_id, "operate")


def told(script: Script, status: int, name: str, **kwargs: object) -> Refusal:
    answer = script.call(name, **kwargs)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    return msgspec.json.decode(answer.data, type=Refusal)


@pytest.mark.parametrize("name", WITH_PASSWORD)
def test_a_stolen_token_without_the_password_changes_nothing_for_good(stage: ApiStage, name: str) -> None:
    thief, before = stage.stranger, stage.grid.dump()
    wrong = {**WITH_PASSWORD[name], **dict.fromkeys(("password", "old_password"), "a guess")}
    refusal = told(thief, 422, name, json=wrong)
    assert (refusal.code, refusal.field) == (
        "not_acceptable", "old_password" if name == "change_password" else "password"
    )  # fmt: skip
    kept = ("Account", "AccessToken", "Project", "JoinKey")
    after = stage.grid.dump()
    # But for when the token was last used.
    assert [len(after[table]) for table in kept] == [len(before[table]) for table in kept]
    assert after["Account"] == before["Account"]


def test_guesses_are_counted_as_log_ins(stage: ApiStage) -> None:
    for _ in range(8):
        told(stage.stranger, 422, "remove_email", json={"password": "a guess"})
    assert told(stage.stranger, 429, "remove_email", json={"password": PASSWORD}).code == "too_many_tries"


def test_a_password_is_changed(stage: ApiStage) -> None:
    assert stage.stranger.call("change_password", json=WITH_PASSWORD["change_password"]).status_code == 204
    assert told(stage.stranger, 422, "remove_email", json={"password": PASSWORD}).field == "password"
    assert stage.stranger.call("remove_email", json={"password": NEW}).status_code == 204


def test_a_token_is_made_listed_used_and_revoked(stage: ApiStage) -> None:
    secret = stage.stranger.read("create_access_token", json=WITH_PASSWORD["create_access_token"]).token
    made = Script(stage.client, secret)
    assert made.read("account").scopes == ["read"]
    listed = {one.label: one for one in stage.stranger.read("access_tokens").tokens}
    assert secret not in repr(listed)
    assert stage.stranger.call("revoke_access_token", token=listed["more"].id).status_code == 204
    assert told(made, 401, "account").code == "unknown_token"


def test_how_an_account_is_told_things_is_chosen(stage: ApiStage) -> None:
    chosen = {"tell_by_mail": False, "webhook_url": "https://hooks.example.org/daig"}
    contact = stage.stranger.read("choose_notifications", json=chosen)
    assert (contact.tell_by_mail, contact.webhook_url) == (False, chosen["webhook_url"])
    assert len(contact.webhook_secret) == 64
    assert stage.stranger.call("test_webhook").status_code == 204
    wrong = told(stage.stranger, 422, "choose_notifications", json={"tell_by_mail": True, "webhook_url": "ftp://x"})
    assert wrong.field == "webhook_url"
    assert stage.stranger.call("choose_listing", json={"is_listed": False}).status_code == 204
    assert not stage.stranger.read("contact").is_listed
    # This grid has no mail server.
    given = {"email": "a@example.org", "password": PASSWORD}
    assert told(stage.stranger, 409, "give_email", json=given).code == "not_now"


def test_an_account_is_deleted_and_its_tokens_with_it(stage: ApiStage) -> None:
    assert stage.stranger.call("delete_account", json={"password": PASSWORD}).status_code == 204
    assert told(stage.stranger, 401, "contact").code == "unknown_token"


def test_the_status_is_for_everybody_and_names_nobodys_project(stage: ApiStage) -> None:
    numbers = stage.nobody.read("status")
    assert numbers.projects == 1
    assert "digits" not in repr(numbers)


def test_an_operator_invites_and_the_code_is_shown_once(stage: ApiStage, operator: Script) -> None:
    made = operator.read("create_invitation", json={"label": "the class", "uses": 30, "days": 14})
    assert made.address.endswith(f"/sign-up?invitation={made.code}")
    listed = {one.label: one for one in operator.read("invitations").invitations}
    assert listed["the class"].uses_left == 30
    assert made.code not in repr(listed)
    assert operator.call("revoke_invitation", invitation=listed["the class"].id).status_code == 204
    assert told(operator, 404, "revoke_invitation", invitation=listed["the class"].id).code == "no_such_thing"


def test_a_machine_is_put_out_appeals_and_is_released(stage: ApiStage, operator: Script) -> None:
    host = {"host": stage.host.id}
    assert operator.call("quarantine_host", **host, json={"reason": "All zeros."}).status_code == 204
    assert told(operator, 409, "quarantine_host", **host, json={"reason": "Again."}).code == "not_now"
    [listed] = operator.read("host_records", query={"which": "quarantined", "search": "ste"}).hosts
    assert (listed.name, listed.quarantine_reason) == ("steady", "All zeros.")
    assert told(stage.stranger, 404, "appeal", **host, json={"text": "Mine."}).code == "no_such_thing"
    assert told(stage.owner, 422, "appeal", **host, json={"text": " "}).field == "text"
    line = stage.owner.read("appeal", **host, json={"text": "It was overclocked."})
    assert (line.quarantine_reason, line.appeal, line.may_appeal) == ("All zeros.", "It was overclocked.", False)
    assert operator.call("refuse_appeal", **host, json={"reason": "And now?"}).status_code == 204
    assert stage.owner.read("hosts").hosts[0].appeal_answer == "And now?"
    assert operator.call("release_host", **host, json={"reason": "It is not any more."}).status_code == 204
    assert stage.owner.read("hosts").hosts[0].quarantined_at is None
    record = operator.read("host_record", **host)
    assert (record.host.name, record.trusted, record.account_hosts) == ("steady", False, 1)
    assert operator.call("appoint_referee", **host).status_code == 204
    assert told(operator, 409, "quarantine_host", **host, json={"reason": "Again."}).code == "not_now"
    assert operator.call("dismiss_referee", **host).status_code == 204
    assert operator.read("audits").units == []
    actions = operator.read("actions").actions
    assert {one.actor for one in actions} == {"owner"}
    older = operator.read("actions", query={"before": actions[1].id}).actions
    assert [one.id for one in older] == [one.id for one in actions[2:]]


def test_what_does_not_wait_for_an_approval_is_neither_approved_nor_refused(stage: ApiStage, operator: Script) -> None:
    assert told(operator, 409, "approve_project", project=stage.project).code == "not_now"
    assert told(operator, 409, "refuse_project", project=stage.project, json={"reason": "no"}).code == "not_now"
    assert told(operator, 422, "refuse_project", project=stage.project, json={"reason": " "}).field == "reason"


def test_an_operator_sees_all_and_blocks_appoints_and_cancels(stage: ApiStage, operator: Script) -> None:
    overview = operator.read("overview")
    assert [(row.name, row.state) for row in overview.projects] == [("digits", "running")]
    found = operator.read("accounts", query={"search": "strang"}).accounts
    assert [row.name for row in found] == ["stranger"]
    other = {"account": stage.stranger_id}
    assert operator.call("block_account", **other).status_code == 204
    assert told(stage.stranger, 403, "contact").code == "account_blocked"
    assert operator.call("unblock_account", **other).status_code == 204
    assert operator.call("appoint_operator", **other).status_code == 204
    assert told(operator, 409, "block_account", **other).code == "not_now"
    assert stage.stranger.read("overview").accounts == 3
    assert operator.call("dismiss_operator", **other).status_code == 204
    assert operator.call("end_project", project=stage.project).status_code == 204
    assert Project.get_by_id(stage.project).state == "cancelled"
    assert told(operator, 404, "retry_letter", letter=10**6).code == "no_such_thing"


@pytest.mark.parametrize("name", ["overview", "accounts", "actions", "audits", "block_account", "end_project"])
def test_to_who_is_no_operator_there_is_no_such_thing_whatever_the_token_says(stage: ApiStage, name: str) -> None:
    assert stage.stranger.read("account").scopes == sorted(SCOPES)
    parts = {"block_account": {"account": stage.owner_id}, "end_project": {"project": stage.project}}.get(name, {})
    assert told(stage.stranger, 404, name, **parts).code == "no_such_thing"
    assert Project.get_by_id(stage.project).state == "running"
