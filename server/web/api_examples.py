"""Examples for the API's page: curl from the document, Python by the grid's own client."""

import base64
import json
import re
from typing import Any

_NUMBERS = {"project": "7", "draft": "3", "key": "2", "host": "5", "team": "4"}
_BODIES: dict[str, Any] = {
    "start_draft": {
        "form": {"name": "digits", "k": "16", "epochs": "5", "consent": "1"},
        "uploads": {"model": "MODEL", "data": "DATA", "labels": "LABELS"},
    },
    "clone_project": {"start": "trained"},
    "change_draft": {"form": {"epochs": "10"}},
    "rename_host": {"name": "attic"},
    "create_team": {"name": "Night shift", "description": "Machines of the physics department."},
    "change_team": {"description": "All from the house may join."},
    "choose_listing": {"is_listed": True, "lists_hosts": True, "is_exported": False},
    "create_join_key": {"label": "lab", "uses": 10, "hours": 24},
}
_HEADERS = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Upload-Offset": "0"}
_QUERIES = {"rounds": "?after=41&limit=100", "model": "?which=best&format=keras", "history": "?format=csv"}

PYTHON = {
    "account": "grid.account()",
    "start_draft": 'grid.submit({"model": "model.keras", "data": "x.npy", "labels": "y.npy"}, k=16, epochs=5)',
    "projects": "grid.projects()",
    "project": "grid.project(7).status()",
    "rounds": "list(grid.project(7).rounds(after=41))",
    "events": "grid.project(7).events()",
    "pause_project": "grid.project(7).pause()",
    "resume_project": "grid.project(7).resume()",
    "clone_project": 'grid.project(7).clone(epochs=20)',
    "cancel_project": "grid.project(7).cancel()",
    "delete_project": "grid.project(7).delete()",
    "model": 'grid.project(7).download("models", which="best", format="keras")',
    "history": "grid.project(7).history().history",
    "tensorboard": 'grid.project(7).save("tensorboard")',
    "recipe": 'grid.project(7).save("recipe")',
    "preprocessing": 'grid.project(7).save("preprocessing")',
}


def curl(path: str, method: str, operation: dict[str, Any]) -> str:
    """A command that may be typed: the token stands in a file, where no list of processes shows it."""
    name = operation["operationId"]
    path = re.sub(r"{(\w+)}", lambda part: _NUMBERS.get(part[1], part[1].upper()), path)
    words = ["curl"]
    if method != "GET":
        words.append("-I" if method == "HEAD" else f"-X {method}")
    if any("account" in needed for needed in operation.get("security", ())):
        words.append("-H @daig-header")
    words += [f"-H '{header}: {value}'" for header, value in _HEADERS.items() if header in _needed(operation)]
    if name == "create_upload":
        # The name in base64, as tus wants it: without one the file is called "file".
        words.append(f"-H 'Upload-Metadata: filename {base64.b64encode(b'x.npy').decode()}'")
    if name == "send_part":
        words.append("-H 'Content-Type: application/offset+octet-stream' --data-binary @x.npy")
    if name in _BODIES:
        words.append(f"-H 'Content-Type: application/json' -d '{json.dumps(_BODIES[name])}'")
    if "application/json" not in operation["responses"].get("200", {}).get("content", {"application/json": 0}):
        words.append("-OJ")
    return " ".join([*words, f'"$DAIG_URL{path}{_QUERIES.get(name, "")}"'])


def _needed(operation: dict[str, Any]) -> set[str]:
    return {one["name"] for one in operation["parameters"] if one["in"] == "header" and one["required"]}


def python(name: str) -> str:
    """What the client says for it; "" where it has no word for it."""
    return PYTHON.get(name, "")
