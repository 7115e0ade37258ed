"""The requestor's API over the real domain: who may see and do what, and what the answers look like."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from werkzeug.test import TestResponse

from server.web import bearer
from server.web.requestor_api import HANDLERS
from tests.support.api_stage import ENDPOINTS, ApiStage, Script
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.machine_messages import Appeal
from volunteer.protocol.operator_messages import Reason
from volunteer.protocol.refusals import Refusal
from volunteer.protocol.requestor_endpoints import REQUESTOR_ENDPOINTS, RequestorEndpoint

EVERY = tuple(ENDPOINTS.values())
OF_EVERYBODY = ("team", "join_team")
OF_ONE = [endpoint for endpoint in EVERY if "{" in endpoint.path and endpoint.name not in OF_EVERYBODY]


BODIES = {Reason: {"reason": "Because."}, Appeal: {"text": "It is fine now."}, None: None}
"""Of messages that cannot be empty."""


def refused(answer: TestResponse, status: int, code: str) -> Refusal:
    assert answer.status_code == status, answer.text
    refusal = msgspec.json.decode(answer.data, type=Refusal)
    assert refusal.code == code, refusal
    return refusal


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ApiStage]:
    opened = ApiStage(tmp_path / "grid")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    """For those who may change nothing: one for all of them."""
    opened = ApiStage(tmp_path_factory.mktemp("still") / "grid")
    yield opened
    opened.close()


def test_every_endpoint_has_its_handler_and_every_handler_its_endpoint() -> None:
    assert set(HANDLERS) == set(ENDPOINTS)


@pytest.mark.parametrize("endpoint", OF_ONE, ids=lambda endpoint: endpoint.name)
def test_a_stranger_finds_nothing_and_changes_nothing(still: ApiStage, endpoint: RequestorEndpoint) -> None:
    stage = still
    stage.stranger.call("grid")
    before = stage.grid.dump()
    said = BODIES.get(endpoint.takes)
    refusal = refused(stage.stranger.call(endpoint.name, said, **stage.parts(endpoint.path)), 404, "no_such_thing")
    # The same words as for what has never been: a stranger does not learn that it is there.
    nowhere = dict.fromkeys(stage.parts(endpoint.path), 10**6)
    assert refused(stage.stranger.call(endpoint.name, said, **nowhere), 404, "no_such_thing") == refusal
    after = stage.grid.dump()
    assert {name: rows for name, rows in after.items() if name != "AccessToken"} == {
        name: rows for name, rows in before.items() if name != "AccessToken"
    }


@pytest.mark.parametrize("endpoint", EVERY, ids=lambda endpoint: endpoint.name)
def test_who_is_not_known_or_may_not_is_told_so(
    still: ApiStage, endpoint: RequestorEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = still
    # There are more endpoints than wrong tokens that one address may send.
    monkeypatch.setattr(bearer, "_wrong", bearer.WrongTries())
    answer = stage.nobody.call(endpoint.name, **stage.parts(endpoint.path))
    if not endpoint.scope:
        assert answer.status_code == endpoint.success
        return
    assert "Your account page makes them" in refused(answer, 401, "unknown_token").sentence
    wrong = Script(stage.client, "daigtoken_" + "x" * 43).call(endpoint.name, **stage.parts(endpoint.path))
    assert "revoked" in refused(wrong, 401, "unknown_token").sentence
    assert "host" not in refused(wrong, 401, "unknown_token").sentence
    if endpoint.scope != "read":
        told = refused(stage.reader.call(endpoint.name, **stage.parts(endpoint.path)), 403, "missing_scope")
        assert endpoint.scope in told.sentence


def test_a_stranger_sees_only_empty_lists(stage: ApiStage) -> None:
    for name in ("projects", "drafts", "join_keys", "hosts"):
        (listed,) = msgspec.structs.astuple(stage.stranger.read(name))
        assert listed == [], name
        (own,) = msgspec.structs.astuple(stage.owner.read(name))
        assert len(own) == 1, name


def test_a_cookie_opens_nothing_here(stage: ApiStage) -> None:
    with stage.client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = str(stage.owner_id), True
    refused(stage.nobody.call("projects"), 401, "unknown_token")


def test_a_token_knows_whose_it_is(stage: ApiStage) -> None:
    about = stage.reader.read("account")
    assert (about.id, about.name, about.scopes) == (stage.owner_id, "owner", ["read"])


def test_a_project_and_its_rounds_are_read_page_by_page(stage: ApiStage) -> None:
    stage.train(5)
    about = stage.owner.read("project", project=stage.project)
    assert (about.id, about.state, about.round, about.k) == (stage.project, "running", 5, 3)
    assert about.loss is not None
    first = stage.owner.read("rounds", project=stage.project, query={"limit": 2}).rounds
    rest = stage.owner.read("rounds", project=stage.project, query={"after": first[-1].number}).rounds
    assert [round_.number for round_ in [*first, *rest]] == [0, 1, 2, 3, 4]
    assert all(round_.examples > 0 and round_.loss is not None for round_ in [*first, *rest])
    events = stage.owner.read("events", project=stage.project).events
    assert any("Submitted" in event.sentence for event in events)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "many"}, {"after": "-2"}, {"limit": "1e9"}])
def test_a_wrong_parameter_is_named(stage: ApiStage, query: dict[str, str]) -> None:
    told = refused(stage.owner.call("rounds", project=stage.project, query=query), 400, "malformed_request")
    assert next(iter(query)) in told.sentence


# How long the hosts of a running project have been at work is news at every instant.
@pytest.mark.parametrize("name", [e.name for e in REQUESTOR_ENDPOINTS if e.polled and e.name != "project"])
def test_what_is_polled_is_sent_only_where_it_is_news(stage: ApiStage, name: str) -> None:
    parts = stage.parts(ENDPOINTS[name].path)
    answer = stage.owner.call(name, **parts)
    again = stage.owner.call(name, headers={"If-None-Match": answer.headers["ETag"]}, **parts)
    assert (again.status_code, again.data) == (304, b"")


def test_a_project_is_paused_resumed_cancelled_and_deleted(stage: ApiStage) -> None:
    parts = {"project": stage.project}
    assert stage.owner.read("pause_project", **parts).state == "paused"
    assert "paused" in refused(stage.owner.call("pause_project", **parts), 409, "not_now").sentence
    assert stage.owner.read("resume_project", **parts).state == "running"
    assert stage.owner.read("compare_one_kind", **parts).one_kind
    assert not stage.owner.read("compare_all_kinds", **parts).one_kind
    assert stage.owner.read("cancel_project", **parts).state == "cancelled"
    assert stage.owner.call("delete_project", **parts).status_code == 204
    refused(stage.owner.call("project", **parts), 404, "no_such_thing")


def test_a_draft_is_looked_at_and_started(stage: ApiStage) -> None:
    parts = {"draft": stage.draft}
    assert stage.owner.read("draft", **parts).state == "checking"
    refused(stage.owner.call("submit_draft", **parts), 409, "not_now")
    stage.grid.checker.run_pass(stage.grid.now)
    assert stage.owner.read("draft", **parts).state == "ready"
    project = stage.owner.read("submit_draft", **parts)
    assert project.state == "preparing"
    assert stage.owner.read("drafts").drafts == []
    refused(stage.owner.call("discard_draft", **parts), 409, "not_now")


def test_a_draft_takes_its_files_by_the_names_of_uploads(stage: ApiStage) -> None:
    texts = {"model": b"10", "data": b"40", "labels": b"40"}
    names = {field: stage.put(stage.owner_id, text, f"{field}.npy") for field, text in texts.items()}
    form = {**stage.grid.form(), "name": "by a script", "a field of next year": "x"}
    draft = stage.owner.read("start_draft", json={"form": form, "uploads": names, "of next year": 1})
    assert (draft.state, draft.form["name"]) == ("checking", "by a script")
    assert {file.field: file.filename for file in draft.uploads} == {field: f"{field}.npy" for field in texts}
    again = stage.owner.call("start_draft", json={"form": form, "uploads": names})
    assert refused(again, 422, "not_acceptable").field == "model"
    changed = stage.owner.read("change_draft", draft=draft.id, json={"form": {"k": "5"}, "removed": ["labels"]})
    assert (changed.form["k"], changed.form["name"]) == ("5", "by a script")
    assert {file.field for file in changed.uploads} == {"model", "data"}


def test_anothers_upload_is_not_to_be_had_and_half_a_file_is_not_taken(stage: ApiStage) -> None:
    name = stage.put(stage.owner_id, b"10", "model.h5")
    theirs = stage.stranger.call("start_draft", json={"uploads": {"model": name}})
    assert refused(theirs, 422, "not_acceptable").field == "model"
    half = stage.owner.call("start_draft", json={"uploads": {"data": stage.upload}})
    assert "completely" in refused(half, 422, "not_acceptable").sentence
    unknown = stage.owner.call("start_draft", json={"uploads": {"password": name}})
    assert refused(unknown, 422, "not_acceptable").sentence
    assert len(stage.owner.read("drafts").drafts) == 1


def test_the_model_comes_as_a_file_and_a_wrong_wish_is_named(stage: ApiStage) -> None:
    stage.train(1)
    answer = stage.owner.call("model", project=stage.project)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["Cache-Control"] == "no-store"
    answer.close()
    answer = stage.owner.call("model", project=stage.project, query={"which": "sideways"})
    assert "which" in refused(answer, 400, "malformed_request").sentence


def test_join_keys_and_hosts_are_made_and_ended(stage: ApiStage) -> None:
    made = stage.owner.read("create_join_key", json={"label": "lab", "uses": 2, "hours": 1})
    assert made.key.startswith("daigjoin_")
    assert tomllib.loads(made.join_file) == {"server": "http://localhost", "join_key": made.key}
    renamed = stage.owner.read("rename_host", host=stage.host.id, json={"name": "attic"})
    assert (renamed.name, renamed.credit, renamed.outdated, renamed.troubles) == ("attic", 0, False, [])
    assert [host.name for host in stage.owner.read("hosts").hosts] == ["attic"]
    odd = refused(stage.owner.call("rename_host", host=stage.host.id, json={"name": " "}), 422, "not_acceptable")
    assert odd.field == "name"
    told = refused(stage.owner.call("create_join_key", json={"uses": 10**9}), 422, "not_acceptable")
    assert told.field == "uses"
    assert stage.owner.call("revoke_join_key", key=stage.key).status_code == 204
    assert [key.label for key in stage.owner.read("join_keys").join_keys] == ["lab"]
    assert stage.owner.call("detach_host", host=stage.host.id).status_code == 204
    refused(stage.owner.call("detach_host", host=stage.host.id), 404, "no_such_thing")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**53 + 1), str(2**64), "9" * 50])
def test_numbers_that_nothing_can_have_are_not_found(stage: ApiStage, number: str) -> None:
    token = stage.owner._headers
    answer = stage.client.get(f"{PREFIX}/projects/{number}", headers=token)
    assert answer.status_code == 404
    assert msgspec.json.decode(answer.data, type=Refusal).sentence
