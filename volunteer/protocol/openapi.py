"""The OpenAPI 3.1 document, made from the endpoints and the messages."""

import re
from http import HTTPStatus
from typing import Any

import msgspec

from volunteer.protocol.endpoints import ENDPOINTS, GRADIENT_TYPE, PREFIX, Endpoint
from volunteer.protocol.refusals import Refusal, RefusalCode, refusal, status_of
from volunteer.protocol.version import PROTOCOL

_ALWAYS = (RefusalCode.server_error, RefusalCode.busy)
_OF_TOKENS = (RefusalCode.unknown_token, RefusalCode.account_blocked)


def document() -> dict[str, Any]:
    """The whole document as JSON-able values; no clock, no address: the same for every grid of this version."""
    kinds: set[type[msgspec.Struct]] = {Refusal}
    for endpoint in ENDPOINTS:
        kinds.update(endpoint.gives)
        if endpoint.takes is not None:
            kinds.add(endpoint.takes)
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DAIG: the volunteer's API", "version": str(PROTOCOL)},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"host": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", endpoint.path)
        ],
        "responses": _responses(endpoint),
    }
    if endpoint.takes is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": _reference(endpoint.takes)}}
    elif endpoint.method == "PUT":
        operation["requestBody"] = {"required": True, "content": {GRADIENT_TYPE: {}}}
        operation["parameters"].append(
            {"name": "Content-Digest", "in": "header", "required": True, "schema": {"type": "string"}}
        )
    if endpoint.needs_token:
        operation["security"] = [{"host": []}]
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.gives:
        schemas = [_reference(kind)["schema"] for kind in endpoint.gives]
        schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        content: dict[str, Any] = {"application/json": {"schema": schema}}
    else:
        content = {"application/octet-stream": {}}
    responses: dict[str, Any] = {"200": {"description": "Done.", "content": content}}
    if not endpoint.gives:
        responses["206"] = {"description": "A part.", "content": content}
        responses["304"] = {"description": "You have it."}
        responses["416"] = {"description": "There is no such part."}
    codes = (*endpoint.refusals, *_ALWAYS, *(_OF_TOKENS if endpoint.needs_token else ()))
    for code in codes:
        status = str(status_of(code))
        sentence = refusal(code).sentence
        if status in responses:
            responses[status]["description"] += f" {code.value}: {sentence}"
            continue
        responses[status] = {
            "description": f"{HTTPStatus(int(status)).phrase}. {code.value}: {sentence}",
            "content": {"application/json": _reference(Refusal)},
        }
    return responses


def _reference(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}
