"""The OpenAPI 3.1 document, made from the endpoints and the messages of both APIs."""

import re
from http import HTTPStatus
from typing import Any

import msgspec

from volunteer.protocol.account_endpoints import ACCOUNT_ENDPOINTS
from volunteer.protocol.credit_endpoints import CREDIT_ENDPOINTS
from volunteer.protocol.endpoints import ENDPOINTS, GRADIENT_TYPE, PREFIX, Endpoint
from volunteer.protocol.form_fields import FILE_FIELDS, FORM_FIELDS
from volunteer.protocol.refusals import Refusal, RefusalCode, refusal, status_of
from volunteer.protocol.requestor_endpoints import REQUESTOR_ENDPOINTS, RequestorEndpoint
from volunteer.protocol.requestor_messages import NewDraft
from volunteer.protocol.upload_endpoints import UPLOAD_ENDPOINTS
from volunteer.protocol.version import PROTOCOL

_C = RefusalCode
EVERY: tuple[Endpoint, ...] = (
    *REQUESTOR_ENDPOINTS, *UPLOAD_ENDPOINTS, *CREDIT_ENDPOINTS, *ACCOUNT_ENDPOINTS, *ENDPOINTS,
)  # fmt: skip
"""Of both APIs, in the order in which the document has them."""

_ALWAYS = (_C.server_error, _C.busy)
_TOKEN = {
    "host": (_C.unknown_token, _C.account_blocked),
    "account": (_C.unknown_token, _C.account_blocked, _C.missing_scope, _C.too_many_tries),
}
_SCHEMES = {
    "host": {"type": "http", "scheme": "bearer", "description": "The token of a host: attaching a machine gives it."},
    "account": {"type": "http", "scheme": "bearer", "description": "An access token: your account page makes them."},
}
_OF_UPLOADS = {
    "Content-Digest": "The SHA-256 of a gradient that is sent whole (RFC 9530). Needed there.",
    "Content-Range": "`bytes FIRST-LAST/SIZE` of the rest, where the server has the bytes before it (RFC 9110, 14.4).",
    "Repr-Digest": "With Content-Range: the SHA-256 of the whole gradient (RFC 9530). Needed there.",
}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 2**53}
_PATH_PARTS: dict[str, dict[str, Any]] = {
    name: {"type": "string"} for name in ("sha256", "result", "upload", "file")
}


def document() -> dict[str, Any]:
    """The whole document as JSON-able values; no clock, no address: the same for every grid of this version."""
    kinds: set[type[msgspec.Struct]] = {Refusal}
    for endpoint in EVERY:
        kinds.update(endpoint.gives)
        if endpoint.takes is not None:
            kinds.add(endpoint.takes)
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    _describe_form(schemas[NewDraft.__name__])
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in EVERY:
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    groups = dict.fromkeys(group_of(endpoint) for endpoint in EVERY)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DAIG: the APIs of requestors and of volunteers", "version": str(PROTOCOL)},
        "tags": [{"name": group} for group in groups],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


def group_of(endpoint: Endpoint) -> str:
    """Under which heading an endpoint stands."""
    return endpoint.group if isinstance(endpoint, RequestorEndpoint) else "Volunteers' programs"


def refusals_of(endpoint: Endpoint) -> tuple[RefusalCode, ...]:
    """Every refusal that an endpoint may give, those of all endpoints too."""
    of_tokens = _TOKEN[_scheme(endpoint)] if endpoint.needs_token else ()
    return (*endpoint.refusals, *of_tokens, *_ALWAYS)


def _scheme(endpoint: Endpoint) -> str:
    return "account" if isinstance(endpoint, RequestorEndpoint) else "host"


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [group_of(endpoint)],
        "summary": endpoint.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": _PATH_PARTS.get(name, _NUMBER)}
            for name in re.findall(r"{(\w+)}", endpoint.path)
        ],
        "responses": _responses(endpoint),
    }
    if endpoint.takes is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": _reference(endpoint.takes)}}
    elif endpoint.method == "PUT" and not isinstance(endpoint, RequestorEndpoint):
        operation["requestBody"] = {"required": True, "content": {GRADIENT_TYPE: {}}}
        operation["parameters"] += [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": about}
            for name, about in _OF_UPLOADS.items()
        ]
    if endpoint.needs_token:
        operation["security"] = [{_scheme(endpoint): []}]
    if isinstance(endpoint, RequestorEndpoint):
        _describe_request(endpoint, operation)
    return operation


def _describe_request(endpoint: RequestorEndpoint, operation: dict[str, Any]) -> None:
    if endpoint.query is not None:
        operation["parameters"] += _query(endpoint.query)
    for header in endpoint.headers:
        schema = {"type": "string", "pattern": header.pattern} if header.pattern else {"type": "string"}
        operation["parameters"].append(
            {"name": header.name, "in": "header", "required": header.needed, "schema": schema,
             "description": header.about}
        )  # fmt: skip
    if endpoint.body:
        operation["requestBody"] = {"required": True, "content": {endpoint.body: {}}}
    if endpoint.needs_token:
        operation["description"] = f"The access token needs the scope `{endpoint.scope}`."


def _query(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """The fields of a message as parameters behind the question mark."""
    _, schemas = msgspec.json.schema_components([kind], ref_template="{name}")
    about = schemas[kind.__name__]
    parameters = []
    for name, schema in about["properties"].items():
        reference = schema.pop("$ref", None)
        plain = {**(schemas[reference] if reference else {}), **schema}
        required = name in about.get("required", ())
        parameters.append({"name": name, "in": "query", "required": required, "schema": plain})
    return parameters


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    responses = _successes(endpoint)
    for also in endpoint.also if isinstance(endpoint, RequestorEndpoint) else ():
        responses[str(also)] = _refused(also, _C.malformed_request, _sentence(_C.malformed_request, endpoint))
    for code in refusals_of(endpoint):
        status = str(status_of(code))
        if status in responses:
            responses[status]["description"] += f" {code.value}: {_sentence(code, endpoint)}"
        else:
            responses[status] = _refused(int(status), code, _sentence(code, endpoint))
    return responses


def _sentence(code: RefusalCode, endpoint: Endpoint) -> str:
    """The code's own is for hosts."""
    if code is _C.unknown_token and _scheme(endpoint) == "account":
        return "I do not know this access token, or it was revoked or ran out. Your account page makes new ones."
    return refusal(code).sentence


def _refused(status: int, code: RefusalCode, sentence: str) -> dict[str, Any]:
    known = status in {one.value for one in HTTPStatus}
    return {
        "description": f"{HTTPStatus(status).phrase if known else 'Refused'}. {code.value}: {sentence}",
        "content": {"application/json": _reference(Refusal)},
    }


def _successes(endpoint: Endpoint) -> dict[str, Any]:
    if isinstance(endpoint, RequestorEndpoint):
        return _successes_of_requestors(endpoint)
    if endpoint.gives:
        return {"200": {"description": "Done.", "content": _content(endpoint.gives)}}
    content: dict[str, Any] = {"application/octet-stream": {}}
    return {
        "200": {"description": "Done.", "content": content},
        "206": {"description": "A part.", "content": content},
        "304": {"description": "You have it."},
        "416": {"description": "There is no such part."},
    }


def _successes_of_requestors(endpoint: RequestorEndpoint) -> dict[str, Any]:
    done: dict[str, Any] = {"description": "Done."}
    content = {**_content(endpoint.gives), **{media: {} for media in endpoint.sends}}
    if content:
        done["content"] = content
    responses = {str(endpoint.success): done}
    tells = (*endpoint.tells, "ETag") if endpoint.polled else endpoint.tells
    if tells:
        done["headers"] = {name: {"required": True, "schema": {"type": "string"}} for name in tells}
    if endpoint.polled:
        responses["304"] = {"description": "You have it."}
    return responses


def _content(kinds: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
    schemas = [_reference(kind)["schema"] for kind in kinds]
    if not schemas:
        return {}
    return {"application/json": {"schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}}}


def _describe_form(schema: dict[str, Any]) -> None:
    form, uploads = schema["properties"]["form"], schema["properties"]["uploads"]
    form["description"] = "; ".join(f"{field.name}: {field.help}" for field in FORM_FIELDS)
    uploads["description"] = f"Names of complete uploads, by file field: {', '.join(FILE_FIELDS)}."


def _reference(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}
