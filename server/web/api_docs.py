"""The OpenAPI document as a page: made here, from the document, so that it needs no script and nobody else's style."""

import functools
import re
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from markupsafe import Markup, escape

from server.rules.scopes import SCOPES
from server.web.api_examples import curl, python
from server.web.services import here
from volunteer.protocol import openapi
from volunteer.protocol.form_fields import FILE_FIELDS, FORM_FIELDS

blueprint = Blueprint("api_docs", __name__)


@blueprint.app_template_filter("coded")
def coded(text: str) -> Markup:
    """What stands between back quotes as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


@dataclass(frozen=True)
class Field:
    """A parameter or a message's field; `links` to the message that it holds, if it holds one."""

    name: str
    kind: str
    about: str
    needed: bool
    link: str = ""


@dataclass(frozen=True)
class Answer:
    status: str
    about: str
    link: str


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    summary: str
    about: str
    parameters: tuple[Field, ...]
    takes: str
    answers: tuple[Answer, ...]
    curl: str
    python: str


@dataclass(frozen=True)
class Group:
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Message:
    name: str
    about: str
    fields: tuple[Field, ...]


@blueprint.get("/api/docs")
def docs() -> str:
    server = (here().settings.public_url or request.url_root).rstrip("/")
    return render_template(
        "api_docs.html", groups=groups(), messages=messages(), server=server, scopes=SCOPES, form_fields=FORM_FIELDS,
        file_fields=FILE_FIELDS,
    )  # fmt: skip


@functools.cache
def groups() -> tuple[Group, ...]:
    """Every operation of the document, under its heading, in the document's order."""
    document = openapi.document()
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append(_operation(path, method.upper(), operation))
    return tuple(Group(name, tuple(operations)) for name, operations in found.items())


@functools.cache
def messages() -> tuple[Message, ...]:
    schemas: dict[str, dict[str, Any]] = openapi.document()["components"]["schemas"]
    return tuple(
        Message(name, schema.get("description", "") or _choices(schema), _fields(schema))
        for name, schema in sorted(schemas.items())
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> Operation:
    body = operation.get("requestBody", {}).get("content", {})
    return Operation(
        operation["operationId"], method, path, operation["summary"], operation.get("description", ""),
        tuple(
            Field(one["name"], kind_of(one["schema"])[0], f"in the {one['in']}. {one.get('description', '')}".strip(),
                  one["required"])
            for one in operation["parameters"]
        ),
        next((_link(media.get("schema", {})) or kind for kind, media in body.items()), ""),
        tuple(_answer(status, answer) for status, answer in sorted(operation["responses"].items())),
        curl(path, method, operation), python(operation["operationId"]),
    )  # fmt: skip


def _answer(status: str, answer: dict[str, Any]) -> Answer:
    content = answer.get("content", {})
    link = next((_link(media.get("schema", {})) for media in content.values()), "")
    return Answer(status, answer["description"], link)


def _fields(schema: dict[str, Any]) -> tuple[Field, ...]:
    needed = schema.get("required", ())
    return tuple(
        Field(name, *_kind_and_about(one), name in needed, kind_of(one)[1])
        for name, one in schema.get("properties", {}).items()
    )


def _kind_and_about(schema: dict[str, Any]) -> tuple[str, str]:
    return kind_of(schema)[0], schema.get("description", "")


def kind_of(schema: dict[str, Any]) -> tuple[str, str]:
    """(words, the message that it is or holds) of a schema."""
    if link := _link(schema):
        return link, link
    if "anyOf" in schema:
        kinds = [kind_of(one) for one in schema["anyOf"]]
        return " or ".join(words for words, _ in kinds), next((link for _, link in kinds if link), "")
    if "enum" in schema:
        return _choices(schema), ""
    kind = schema.get("type", "anything")
    if kind == "array":
        words, link = kind_of(schema.get("items", {}) or {})
        pairs = schema.get("prefixItems")
        return (f"list of {len(pairs)}" if pairs else f"list of {words}"), link
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        words, link = kind_of(schema["additionalProperties"])
        return f"mapping to {words}", link
    return f"{schema.get('format', kind)}{_range(schema)}", ""


def _range(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and high < 2**53:
        return f", {low:,} to {high:,}"
    return f", {low:,} or more" if low is not None else ""


def _choices(schema: dict[str, Any]) -> str:
    return " | ".join(str(one) for one in schema.get("enum", ()))


def _link(schema: dict[str, Any]) -> str:
    if "oneOf" in schema:
        return _link(schema["oneOf"][0])
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]
