import json
import re

import msgspec
import pytest

from volunteer.protocol import endpoints, openapi
from volunteer.protocol.refusals import KINDS, Consequence, Refusal, RefusalCode, consequence_of, refusal, status_of


def test_every_refusal_has_a_status_a_consequence_and_a_sentence() -> None:
    assert set(KINDS) == set(RefusalCode)
    for code, kind in KINDS.items():
        assert 400 <= status_of(code) < 600
        assert kind.sentence.endswith(".")
        assert consequence_of(code.value, status_of(code)) is kind.consequence
        assert refusal(code).sentence == kind.sentence


def test_what_is_particular_comes_behind_the_codes_own_sentence() -> None:
    told = refusal(RefusalCode.host_too_old, "Install 9.0.")
    assert told == Refusal("host_too_old", "This program is too old for this grid. Install 9.0.")
    assert msgspec.json.decode(msgspec.json.encode(told), type=Refusal) == told


@pytest.mark.parametrize(
    ("status", "consequence"),
    [
        (500, Consequence.retry_later), (502, Consequence.retry_later), (503, Consequence.retry_later),
        (408, Consequence.retry_later), (429, Consequence.retry_later), (401, Consequence.stop),
        (426, Consequence.stop), (400, Consequence.drop_result), (403, Consequence.drop_result),
        (404, Consequence.drop_result), (409, Consequence.drop_result), (422, Consequence.drop_result),
    ],
)  # fmt: skip
def test_an_old_host_knows_what_to_do_about_a_code_that_it_does_not_know(
    status: int, consequence: Consequence
) -> None:
    assert consequence_of("a_code_of_next_year", status) is consequence


def test_a_refusal_of_a_newer_server_can_still_be_read() -> None:
    told = msgspec.json.decode(b'{"code":"tired","sentence":"Come back.","until":"noon"}', type=Refusal)
    assert told.code == "tired"


def test_the_codes_of_the_first_version_are_never_renamed() -> None:
    assert {code.value for code in RefusalCode} >= {
        "malformed_request", "unknown_token", "join_key_invalid", "host_too_old", "not_your_result", "no_such_result",
        "no_such_blob", "stale_result", "result_ended", "digest_mismatch", "malformed_gradient", "too_large",
        "length_required", "too_slow", "busy", "server_error",
    }  # fmt: skip


DOCUMENT = openapi.document()
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_every_endpoint_is_in_the_document() -> None:
    assert set(OPERATIONS) == {endpoint.name for endpoint in openapi.EVERY}
    for endpoint in openapi.EVERY:
        path, method, operation = OPERATIONS[endpoint.name]
        assert (path, method) == (f"/api/v1{endpoint.path}", endpoint.method.lower())
        assert operation["summary"] == endpoint.summary
        assert ("security" in operation) == endpoint.needs_token


@pytest.mark.parametrize("endpoint", openapi.EVERY, ids=lambda endpoint: endpoint.name)
def test_every_refusal_of_an_endpoint_is_documented_under_its_status(endpoint: endpoints.Endpoint) -> None:
    responses = OPERATIONS[endpoint.name][2]["responses"]
    always = [RefusalCode.server_error, RefusalCode.busy]
    of_tokens = [RefusalCode.unknown_token, RefusalCode.account_blocked] if endpoint.needs_token else []
    for code in (*endpoint.refusals, *always, *of_tokens):
        assert f"{code.value}:" in responses[str(status_of(code))]["description"]


def test_every_refusal_belongs_to_an_endpoint() -> None:
    assert {code for endpoint in openapi.EVERY for code in openapi.refusals_of(endpoint)} == set(RefusalCode)


def test_the_document_has_the_form_that_openapi_wants() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert set(DOCUMENT["info"]) >= {"title", "version"}
    for path, _, operation in OPERATIONS.values():
        named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert all(parameter["required"] for parameter in operation["parameters"] if parameter["in"] == "path")
        assert all(re.fullmatch(r"[1-5]\d\d", status) for status in operation["responses"])
        assert all(response["description"] for response in operation["responses"].values())
    for scheme in [s for _, _, o in OPERATIONS.values() for need in o.get("security", []) for s in need]:
        assert scheme in DOCUMENT["components"]["securitySchemes"]


def test_every_reference_of_the_document_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert named <= set(schemas)
    assert {"Lease", "NoWork", "Machine", "Refusal", "BlobRef"} <= named | set(schemas)
    assert schemas["Machine"]["properties"]["threads"]["minimum"] == 1


def test_the_document_is_the_same_every_time() -> None:
    assert json.dumps(openapi.document()) == json.dumps(DOCUMENT)
