"""Schemathesis against the served document: nobody, a stranger and the owner send what it permits, and what not.

No 500, no status, content type or body that the document does not have, nothing of another's to be read or changed.
"""

import functools
import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.rules.scopes import SCOPES
from tests.support.api_stage import ApiStage
from volunteer.protocol import openapi
from volunteer.protocol.endpoints import GRADIENT_TYPE, PREFIX, Endpoint
from volunteer.protocol.upload_endpoints import PART_TYPE

# Its way to call the app leaves a file that was sent to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

for kind in (GRADIENT_TYPE, PART_TYPE):
    schemathesis.openapi.media_type(kind, strategies.binary(max_size=64))
    schemathesis.serializer(kind)(lambda context, value: value)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW, MANY = 3, 100
MARK = "a name that only its owner may read"


def the_owners(stage: ApiStage) -> dict[str, list[Any]]:
    """Every row that is the owner's, but for when a token or a host was last seen.

    Not the results of others' hosts: whoever lends a machine may be leased a unit of the owner's project.
    """
    database, owner = stage.grid.stores.database, stage.owner_id
    of_projects = "SELECT id FROM project WHERE owner_id = ?1"
    wanted = {
        "project": "owner_id = ?", "draft": "owner_id = ?", "partial_upload": "owner_id = ?",
        "join_key": "account_id = ?", "letter": "account_id = ?", "account": "id = ?",
        "invitation": "account_id = ?",
        "round": f"project_id IN ({of_projects})", "checkpoint": f"project_id IN ({of_projects})",
        "result": f"project_id IN ({of_projects}) AND host_id IN (SELECT id FROM host WHERE account_id = ?1)",
    }  # fmt: skip
    rows = {table: database.rows(f'SELECT * FROM "{table}" WHERE {rule}', owner) for table, rule in wanted.items()}
    rows["token"] = database.rows("SELECT id, token_hash, scopes FROM access_token WHERE account_id = ?", owner)
    of_hosts = "id, token_hash, name, appeal, quarantined_at, is_referee"
    rows["host"] = database.rows(f"SELECT {of_hosts} FROM host WHERE account_id = ?", owner)
    return rows


class Persona:
    """Who sends: by the token that the endpoint wants, or by none."""

    def __init__(self, stage: ApiStage, account: int | None) -> None:
        self.stage = stage
        self._tokens: dict[str, str] = {}
        if account is not None:
            script = stage.script(account, *SCOPES)
            self._tokens = {"account": script.token, "host": stage.host_token(account)}

    def send(self, case: Any) -> Any:
        schemes = [name for needed in case.operation.definition.raw.get("security", []) for name in needed]
        tokens = [self._tokens[scheme] for scheme in schemes if scheme in self._tokens]
        if isinstance(case.body, dict) and "wait_seconds" in case.body:
            # Nobody has that much time here.
            case.body["wait_seconds"] = 0
        response = case.call(headers={"Authorization": f"Bearer {tokens[0]}"} if tokens else {})
        case.validate_response(response, checks=CHECKS)
        return response


class Relay:
    """The app of the stage that is attacked now: what was once read of a document keeps the app that it was given."""

    app: Flask

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


RELAY = Relay()


@functools.cache
def _document(served_by: str) -> Any:
    schema = schemathesis.openapi.from_dict(json.loads(served_by))
    schema.app = RELAY
    return schema


def served(stage: ApiStage) -> Any:
    """The document as this grid serves it; read once for all that serve the same."""
    RELAY.app = stage.app
    return _document(stage.client.get(f"{PREFIX}/openapi.json").text)


def attack(persona: Persona, endpoint: Endpoint, examples: int) -> list[Any]:
    """Cases that keep to the document, and cases that do not, all with the owner's own things in their paths."""
    schema = served(persona.stage)
    operation = schema[PREFIX + endpoint.path][endpoint.method]
    parts = persona.stage.parts(endpoint.path)
    answers = []
    for mode in GenerationMode:
        if mode is GenerationMode.NEGATIVE and not (endpoint.takes or operation.query or operation.headers):
            continue
        strategy = operation.as_strategy(generation_mode=mode, path_parameters=parts or None)

        @given(case=strategy)
        @settings(
            max_examples=examples, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def send(case: Any) -> None:
            answers.append(persona.send(case))

        send()
    return answers


@pytest.fixture(scope="module", autouse=True)
def _clean_up() -> Iterator[None]:
    """What was left to the garbage collector is collected here, where the warnings of it are expected."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    opened = ApiStage(tmp_path_factory.mktemp("still") / "grid", name=MARK)
    yield opened
    opened.close()


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    opened = ApiStage(tmp_path_factory.mktemp("own") / "grid", name=MARK)
    yield opened
    opened.close()


EACH = pytest.mark.parametrize("endpoint", openapi.EVERY, ids=lambda endpoint: endpoint.name)


def nobody_else_sees_or_changes(persona: Persona, endpoint: Endpoint, examples: int) -> None:
    before = the_owners(persona.stage)
    answers = attack(persona, endpoint, examples)
    assert answers
    assert the_owners(persona.stage) == before
    assert not any(MARK.encode() in answer.content for answer in answers)


@pytest.fixture(scope="module")
def stranger(still: ApiStage) -> Persona:
    return Persona(still, still.stranger_id)


@pytest.fixture(scope="module")
def looker(still: ApiStage) -> Persona:
    """The owner, who only looks."""
    return Persona(still, still.owner_id)


@EACH
def test_who_is_logged_out_gets_nothing_that_the_document_does_not_say(still: ApiStage, endpoint: Endpoint) -> None:
    nobody_else_sees_or_changes(Persona(still, None), endpoint, FEW)


@EACH
def test_a_stranger_gets_nothing_of_the_owners(stranger: Persona, endpoint: Endpoint) -> None:
    nobody_else_sees_or_changes(stranger, endpoint, FEW)


@pytest.mark.parametrize("endpoint", [one for one in openapi.EVERY if one.method == "GET"], ids=lambda one: one.name)
def test_the_owner_sees_what_the_document_says(looker: Persona, endpoint: Endpoint) -> None:
    assert attack(looker, endpoint, FEW)


@pytest.mark.parametrize("endpoint", [one for one in openapi.EVERY if one.method != "GET"], ids=lambda one: one.name)
def test_the_owner_changes_what_the_document_says(stage: ApiStage, endpoint: Endpoint) -> None:
    assert attack(Persona(stage, stage.owner_id), endpoint, FEW)


@pytest.mark.long
@EACH
@pytest.mark.parametrize("who", ["nobody", "stranger", "owner"])
def test_the_document_is_kept_for_long(stage: ApiStage, endpoint: Endpoint, who: str) -> None:
    accounts = {"nobody": None, "stranger": stage.stranger_id, "owner": stage.owner_id}
    if who == "owner":
        assert attack(Persona(stage, stage.owner_id), endpoint, MANY)
    else:
        nobody_else_sees_or_changes(Persona(stage, accounts[who]), endpoint, MANY)
