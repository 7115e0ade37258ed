"""The docs name each command, option, setting and endpoint, and none that does not exist."""

import argparse
import dataclasses
import re
from pathlib import Path

import server.config
import volunteer.config
from requestor import cli
from requestor.cli import build_parser as requestor_parser
from requestor.login import FINGERPRINT, INSECURE, TOKEN, URL
from server.cli import build_parser as server_parser
from volunteer.cli import build_parser as volunteer_parser
from volunteer.preferences.table import describe, entry_of
from volunteer.protocol.endpoints import PREFIX
from volunteer.protocol.openapi import EVERY, document, refusals_of

ROOT = Path(__file__).parents[2]
READMES = {name: (ROOT / name / "README.md").read_text("utf-8") for name in (".", "server", "volunteer", "requestor")}
EVERYTHING = "\n".join(READMES.values())
ENDPOINT = re.compile(r"`(GET|HEAD|OPTIONS|POST|PUT|DELETE|PATCH) (/api/[^`]+)`")


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _options(parser: argparse.ArgumentParser) -> set[str]:
    own = {word for action in parser._actions for word in action.option_strings if word.startswith("--")}
    return own.union(*(_options(one) for one in _commands(parser).values())) - {"--help", "--fd"}


def test_every_command_is_described() -> None:
    parsers = {"daig-server": server_parser(), "daig-volunteer": volunteer_parser(), "daig": requestor_parser()}
    for program, parser in parsers.items():
        for command in _commands(parser):
            assert f"{program} {command}" in EVERYTHING, f"{program} {command}"


def test_every_option_is_described_and_no_other() -> None:
    assert _options(server_parser()) - set(re.findall(r"--[a-z-]+", READMES["server"])) == {"--version"}
    assert _options(volunteer_parser()) <= set(re.findall(r"--[a-z-]+", READMES["volunteer"]))
    of_scripts = _options(requestor_parser())
    assert of_scripts - set(re.findall(r"--[a-z-]+\b", READMES["requestor"])) == {"--version"}
    assert set(re.findall(r"--[a-z-]+\b", READMES["requestor"])) <= of_scripts
    known = _options(server_parser()) | _options(volunteer_parser())
    for house in ("server", "volunteer"):
        assert set(re.findall(r"--[a-z-]+\b", READMES[house])) <= known


def test_every_setting_is_described_and_no_other() -> None:
    section = READMES["server"].split("## Settings")[1].split("\n## ")[0]
    table = "\n".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(\w+)`", table)) == {field.name for field in dataclasses.fields(server.config.Settings)}
    variables = {*volunteer.config.ENVIRONMENT.values(), *(entry.environment for entry in describe())} - {""}
    for word in (*variables, *volunteer.config.FILE_KEYS, volunteer.config.SETTINGS_FILE):
        assert word in READMES["volunteer"], word
    named = set(re.findall(r"DAIG_[A-Z]+(?:_[A-Z]+)*", READMES["volunteer"]))
    assert named <= variables


def test_every_preference_is_described_and_no_other() -> None:
    section = READMES["volunteer"].split("## Preferences")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row[0])] == [entry.name for entry in describe()]
    for name, values in rows:
        for word in re.findall(r"`(\w+)`", name):
            entry = entry_of(word)
            for shown in (*entry.choices, entry.unset):
                assert shown in values, f"{word} = {shown}"
            if entry.most and str(entry.most) not in values:
                assert str(entry.least) in values, word


def test_the_clients_environment_and_exit_codes_are_described() -> None:
    text = READMES["requestor"]
    assert set(re.findall(r"DAIG_[A-Z]+(?:_[A-Z]+)*", text)) == {URL, TOKEN, INSECURE, FINGERPRINT}
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == {cli.OK, cli.FAILED, 2, cli.NEEDS_CORRECTION, cli.UNREACHABLE, cli.INTERRUPTED}


def test_every_endpoint_is_described_and_no_other() -> None:
    described = {(method, path) for method, path in ENDPOINT.findall(EVERYTHING)}
    assert described == {(one.method, PREFIX + one.path) for one in EVERY}
    assert f"{PREFIX}/openapi.json" in EVERYTHING


def test_the_openapi_document_holds_every_endpoint_with_its_messages_and_refusals() -> None:
    spec = document()
    operations = {(method.upper(), path): one for path, many in spec["paths"].items() for method, one in many.items()}
    assert set(operations) == {(one.method, PREFIX + one.path) for one in EVERY}
    for endpoint in EVERY:
        operation = operations[endpoint.method, PREFIX + endpoint.path]
        assert ("security" in operation) == endpoint.needs_token
        assert ("requestBody" in operation) == (endpoint.takes is not None or endpoint.method in ("PUT", "PATCH"))
        for message in (*endpoint.gives, *([endpoint.takes] if endpoint.takes else [])):
            assert message.__name__ in spec["components"]["schemas"]
        text = str(operation["responses"])
        for code in refusals_of(endpoint):
            assert code.value in text, f"{endpoint.name} does not list {code}"


def test_the_glossary_has_the_words_of_the_states() -> None:
    for word in ("grid", "project", "host", "shard", "mini-batch", "round", "epoch", "work unit", "result", "stale"):
        assert re.search(rf"^\| {word}\b", READMES["."], re.MULTILINE), word


def test_files_that_the_docs_name_exist() -> None:
    for house, text in READMES.items():
        for name in re.findall(r"`([\w./]+/[\w.]+\.(?:py|js|css|md|html))`", text):
            here, there = ROOT / house / name, ROOT / name
            assert here.exists() or there.exists(), f"{house}/README.md names {name}"
