"""The API's page: everything that the document says, for people, without scripts."""

import ast
import re

from bs4 import BeautifulSoup

from requestor.grid import Grid
from requestor.project import ProjectHandle
from server.web import api_examples
from tests.unit.server.web.conftest import Browser
from volunteer.protocol import openapi
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.form_fields import FORM_FIELDS


def test_the_page_shows_every_endpoint_message_and_field_of_the_form(browser: Browser) -> None:
    answer = browser.get("/api/docs")
    assert answer.status_code == 200
    page = BeautifulSoup(answer.text, "html.parser")
    for endpoint in openapi.EVERY:
        shown = page.find(id=endpoint.name)
        assert shown is not None, endpoint.name
        text = shown.get_text(" ")
        assert f"{endpoint.method} {PREFIX}{endpoint.path}" in " ".join(text.split())
        for code in openapi.refusals_of(endpoint):
            assert f"{code.value}:" in text, (endpoint.name, code)
    for name in openapi.document()["components"]["schemas"]:
        assert page.find(id=f"message-{name}") is not None, name
    for field in FORM_FIELDS:
        assert field.help in page.get_text(), field.name


def test_every_link_within_the_page_leads_somewhere_and_nothing_comes_from_elsewhere(browser: Browser) -> None:
    page = BeautifulSoup(browser.get("/api/docs").text, "html.parser")
    ids = [element["id"] for element in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    targets = {str(link["href"])[1:] for link in page.find_all("a", href=re.compile("^#"))}
    assert targets <= set(ids)
    assert page.find_all("script") == []
    assert page.find_all(style=True) == []


def test_the_examples_are_commands_and_calls_that_there_are() -> None:
    names = {endpoint.name for endpoint in openapi.EVERY}
    for name, call in api_examples.PYTHON.items():
        if name in names:
            methods = [node.func.attr for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Call)
                       and isinstance(node.func, ast.Attribute)]  # fmt: skip
            assert methods, call
            assert all(hasattr(Grid, method) or hasattr(ProjectHandle, method) for method in methods), call
    for path, methods_ in openapi.document()["paths"].items():
        for method, operation in methods_.items():
            command = api_examples.curl(path, method.upper(), operation)
            assert "{" not in command.split("-d '")[-1].split("' \"")[-1], command
            assert "daigtoken_" not in command
