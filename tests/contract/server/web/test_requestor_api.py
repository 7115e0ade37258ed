"""The requestor's API over the real domain: who may see and do what, and what the answers look like."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from server.domain import hashing
from server.web.app import create_app
from server.web.requestor_api import HANDLERS
from tests.support.domain_grid import DomainGrid
from tests.support.web_services import services_over
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.refusals import Refusal
from volunteer.protocol.requestor_endpoints import REQUESTOR_ENDPOINTS, RequestorEndpoint

ENDPOINTS = {endpoint.name: endpoint for endpoint in REQUESTOR_ENDPOINTS}
OF_ONE = [endpoint for endpoint in REQUESTOR_ENDPOINTS if "{" in endpoint.path]


class Script:
    """Somebody's program: an access token, or none."""

    def __init__(self, client: FlaskClient, token: str = "") -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, name: str, json: Any = None, query: Any = None, headers: Any = None, **parts: int) -> TestResponse:
        endpoint = ENDPOINTS[name]
        body = {} if json is None and endpoint.takes is not None else json
        return self._client.open(
            PREFIX + endpoint.path.format(**parts), method=endpoint.method, json=body, query_string=query,
            headers={**self._headers, **(headers or {})},
        )  # fmt: skip

    def read(self, name: str, **kwargs: Any) -> Any:
        """The message of a success, as its type."""
        answer = self.call(name, **kwargs)
        endpoint = ENDPOINTS[name]
        assert answer.status_code == endpoint.success, answer.text
        return msgspec.json.decode(answer.data, type=endpoint.gives[0])


def refused(answer: TestResponse, status: int, code: str) -> Refusal:
    assert answer.status_code == status, answer.text
    refusal = msgspec.json.decode(answer.data, type=Refusal)
    assert refusal.code == code, refusal
    return refusal


class Stage:
    """A grid with a running project, a draft, a join key and a host of the owner's, and a stranger."""

    def __init__(self, folder: Path) -> None:
        self.grid = DomainGrid(folder)
        self.client = create_app(services_over(self.grid.stores, self.grid.intake, self.grid.exporter)).test_client()
        self.owner_id, self.stranger_id = self.grid.person("owner"), self.grid.person("stranger")
        self.project = self.grid.project(self.owner_id)
        self.draft = self.grid.drafts.start(self.owner_id, self.grid.form(), self.grid.files(10, 40), self.grid.now)
        self.host = self.grid.host(self.owner_id, "steady")
        self.grid.join_keys.create(self.owner_id, "more", 3, 24 * 366, self.grid.now)
        self.key = self.grid.join_keys.list_for(self.owner_id, self.grid.now)[0].id
        self.owner = self.script(self.owner_id, "write")
        self.reader = self.script(self.owner_id, "read")
        self.stranger = self.script(self.stranger_id, "read", "write")
        self.nobody = Script(self.client)

    def script(self, account: int, *scopes: str) -> Script:
        return Script(self.client, self.grid.tokens.create(account, "a script", scopes, None, self.grid.now))

    def parts(self, endpoint: RequestorEndpoint) -> dict[str, int]:
        """The owner's own things, for each number of the endpoint's path."""
        things = {"project": self.project, "draft": self.draft, "key": self.key, "host": self.host.id}
        return {name: things[name] for name in re.findall(r"{(\w+)}", endpoint.path)}

    def train(self, rounds: int) -> None:
        for _ in range(rounds):
            number = self.grid.row(self.project).round
            while self.grid.row(self.project).round == number:
                self.grid.wait(1)
                self.host.deliver(self.host.lease())
                self.grid.rounds()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    quick = functools.partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(hashing, "PasswordHasher", quick)
    opened = Stage(tmp_path / "grid")
    yield opened
    opened.grid.stores.database.close()


def test_every_endpoint_has_its_handler_and_every_handler_its_endpoint() -> None:
    assert set(HANDLERS) == set(ENDPOINTS)


@pytest.mark.parametrize("endpoint", OF_ONE, ids=lambda endpoint: endpoint.name)
def test_a_stranger_finds_nothing_and_changes_nothing(stage: Stage, endpoint: RequestorEndpoint) -> None:
    stage.stranger.call("grid")
    before = stage.grid.dump()
    refusal = refused(stage.stranger.call(endpoint.name, **stage.parts(endpoint)), 404, "no_such_thing")
    # The same words as for what has never been: a stranger does not learn that it is there.
    nowhere = dict.fromkeys(stage.parts(endpoint), 10**6)
    assert refused(stage.stranger.call(endpoint.name, **nowhere), 404, "no_such_thing") == refusal
    after = stage.grid.dump()
    assert {name: rows for name, rows in after.items() if name != "AccessToken"} == {
        name: rows for name, rows in before.items() if name != "AccessToken"
    }


@pytest.mark.parametrize("endpoint", REQUESTOR_ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_who_is_not_known_or_may_not_is_told_so(stage: Stage, endpoint: RequestorEndpoint) -> None:
    answer = stage.nobody.call(endpoint.name, **stage.parts(endpoint))
    if not endpoint.scope:
        assert answer.status_code == endpoint.success
        return
    assert "Your account page makes them" in refused(answer, 401, "unknown_token").sentence
    wrong = Script(stage.client, "daigtoken_" + "x" * 43).call(endpoint.name, **stage.parts(endpoint))
    assert "revoked" in refused(wrong, 401, "unknown_token").sentence
    assert "host" not in refused(wrong, 401, "unknown_token").sentence
    if endpoint.scope == "write":
        told = refused(stage.reader.call(endpoint.name, **stage.parts(endpoint)), 403, "missing_scope")
        assert "write" in told.sentence


def test_a_stranger_sees_only_empty_lists(stage: Stage) -> None:
    for name in ("projects", "drafts", "join_keys", "hosts"):
        (listed,) = msgspec.structs.astuple(stage.stranger.read(name))
        assert listed == [], name
        (own,) = msgspec.structs.astuple(stage.owner.read(name))
        assert len(own) == 1, name


def test_a_cookie_opens_nothing_here(stage: Stage) -> None:
    with stage.client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = str(stage.owner_id), True
    refused(stage.nobody.call("projects"), 401, "unknown_token")


def test_a_token_knows_whose_it_is(stage: Stage) -> None:
    about = stage.reader.read("account")
    assert (about.id, about.name, about.scopes) == (stage.owner_id, "owner", ["read"])


def test_a_project_and_its_rounds_are_read_page_by_page(stage: Stage) -> None:
    stage.train(5)
    about = stage.owner.read("project", project=stage.project)
    assert (about.id, about.state, about.round, about.k) == (stage.project, "running", 5, 3)
    first = stage.owner.read("rounds", project=stage.project, query={"limit": 2}).rounds
    rest = stage.owner.read("rounds", project=stage.project, query={"after": first[-1].number}).rounds
    assert [round_.number for round_ in [*first, *rest]] == [0, 1, 2, 3, 4]
    assert all(round_.examples > 0 and round_.loss is not None for round_ in [*first, *rest])
    events = stage.owner.read("events", project=stage.project).events
    assert any("Submitted" in event.sentence for event in events)


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "many"}, {"after": "-2"}, {"limit": "1e9"}])
def test_a_wrong_parameter_is_named(stage: Stage, query: dict[str, str]) -> None:
    told = refused(stage.owner.call("rounds", project=stage.project, query=query), 400, "malformed_request")
    assert next(iter(query)) in told.sentence


@pytest.mark.parametrize("name", [e.name for e in REQUESTOR_ENDPOINTS if e.polled])
def test_what_is_polled_is_sent_only_where_it_is_news(stage: Stage, name: str) -> None:
    parts = stage.parts(ENDPOINTS[name])
    answer = stage.owner.call(name, **parts)
    again = stage.owner.call(name, headers={"If-None-Match": answer.headers["ETag"]}, **parts)
    assert (again.status_code, again.data) == (304, b"")


def test_a_project_is_paused_resumed_cancelled_and_deleted(stage: Stage) -> None:
    parts = {"project": stage.project}
    assert stage.owner.read("pause_project", **parts).state == "paused"
    assert "paused" in refused(stage.owner.call("pause_project", **parts), 409, "not_now").sentence
    assert stage.owner.read("resume_project", **parts).state == "running"
    assert stage.owner.read("cancel_project", **parts).state == "cancelled"
    assert stage.owner.call("delete_project", **parts).status_code == 204
    refused(stage.owner.call("project", **parts), 404, "no_such_thing")


def test_a_draft_is_looked_at_and_started(stage: Stage) -> None:
    parts = {"draft": stage.draft}
    assert stage.owner.read("draft", **parts).state == "checking"
    refused(stage.owner.call("submit_draft", **parts), 409, "not_now")
    stage.grid.checker.run_pass(stage.grid.now)
    assert stage.owner.read("draft", **parts).state == "ready"
    project = stage.owner.read("submit_draft", **parts)
    assert project.state == "preparing"
    assert stage.owner.read("drafts").drafts == []
    refused(stage.owner.call("discard_draft", **parts), 409, "not_now")


def test_the_model_comes_as_a_file(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.train(1)
    answer = stage.owner.call("model", project=stage.project, query={"which": "sideways"})
    assert "which" in refused(answer, 400, "malformed_request").sentence


def test_join_keys_and_hosts_are_made_and_ended(stage: Stage) -> None:
    made = stage.owner.read("create_join_key", json={"label": "lab", "uses": 2, "hours": 1})
    assert made.key.startswith("daigjoin_")
    told = refused(stage.owner.call("create_join_key", json={"uses": 10**9}), 422, "not_acceptable")
    assert told.field == "uses"
    assert stage.owner.call("revoke_join_key", key=stage.key).status_code == 204
    assert [key.label for key in stage.owner.read("join_keys").join_keys] == ["lab"]
    assert stage.owner.call("detach_host", host=stage.host.id).status_code == 204
    refused(stage.owner.call("detach_host", host=stage.host.id), 404, "no_such_thing")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**53 + 1), str(2**64), "9" * 50])
def test_numbers_that_nothing_can_have_are_not_found(stage: Stage, number: str) -> None:
    token = stage.owner._headers
    answer = stage.client.get(f"{PREFIX}/projects/{number}", headers=token)
    assert answer.status_code == 404
    assert msgspec.json.decode(answer.data, type=Refusal).sentence
